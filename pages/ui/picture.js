// A picture whose pixels stay sharp, with a window drawn over it, its values written
// in, a colour bar beside it, and a pixel that a click or the arrow keys choose.
const SVG = "http://www.w3.org/2000/svg";

function make(parent, tag, className, namespace) {
  const element = namespace
    ? document.createElementNS(namespace, tag)
    : document.createElement(tag);
  if (className) element.setAttribute("class", className);
  parent.appendChild(element);
  return element;
}

function build(parent) {
  const figure = make(parent, "figure");
  const caption = make(figure, "figcaption");
  const row = make(figure, "div", "row");
  const frame = make(row, "div", "frame");
  const image = make(frame, "img");
  const overlay = make(frame, "svg", "", SVG);
  overlay.setAttribute("preserveAspectRatio", "none");
  overlay.setAttribute("aria-hidden", "true");
  const bar = make(row, "div", "bar");
  bar.setAttribute("aria-hidden", "true");
  const parts = { caption, row, frame, image, overlay, bar, drawn: {}, columns: 0, width: 0 };
  // Told, not asked: to ask for a width makes the browser lay out the whole page at once.
  new ResizeObserver(([entry]) => {
    parts.width = entry.contentRect.width;
    sharpen(parts);
  }).observe(frame);
  return parts;
}

// A fresh browser blurs what it enlarges; what it shrinks should stay smooth.
function sharpen({ image, columns, width }) {
  image.className = columns < 2 * width && columns <= 256 ? "pixels" : "";
}

// What is as it was is left alone: each change costs another layout of the page.
function renew({ drawn }, name, value, draw) {
  const text = JSON.stringify(value);
  if (drawn[name] === text) return;
  drawn[name] = text;
  draw();
}

// The rows' names stand left of the picture, the columns' beneath it, turned.
function drawNames(overlay, rows, names) {
  if (!names) return;
  const write = (name, x, y, turn) => {
    const text = make(overlay, "text", "name", SVG);
    text.setAttribute("font-size", 0.38);
    text.setAttribute("transform", `translate(${x} ${y}) rotate(${turn})`);
    text.textContent = name;
  };
  names.forEach((name, index) => {
    write(name, -0.2, index + 0.5, 0);
    write(name, index + 0.5, rows + 0.2, -60);
  });
}

function drawOverlay(overlay, { rows, columns, window: stop, values, ink, names }) {
  overlay.setAttribute("viewBox", `0 0 ${columns} ${rows}`);
  overlay.replaceChildren();
  // One size for all: a number is not larger for being shorter.
  const longest = Math.max(3, ...(values ?? []).flat().map((value) => value.length));
  (values ?? []).forEach((line, row) =>
    line.forEach((value, column) => {
      const text = make(overlay, "text", "", SVG);
      text.setAttribute("x", column + 0.5);
      text.setAttribute("y", row + 0.5);
      text.setAttribute("font-size", Math.min(0.4, 1.5 / longest));
      text.setAttribute("fill", ink[row][column] ? "#fff" : "#000");
      text.textContent = value;
    }),
  );
  drawNames(overlay, rows, names);
  if (!stop) return;
  for (const className of ["window-under", "window"]) {
    const box = make(overlay, "rect", className, SVG);
    ["y", "x", "height", "width"].forEach((name, index) => box.setAttribute(name, stop[index]));
  }
}

function drawBar(bar, colours) {
  bar.replaceChildren();
  if (!colours) return;
  make(bar, "i").style.background = `linear-gradient(to top, ${colours.stops.join(",")})`;
  const labels = make(bar, "div");
  colours.labels.forEach(([text, place]) => {
    const label = make(labels, "span");
    label.textContent = text;
    label.style.top = `${100 * place}%`;
  });
}

export default function ({ parentElement, data: [data], setStateValue }) {
  const parts = (parentElement.cvPicture ??= build(parentElement));
  const { caption, row, frame, image, overlay, bar } = parts;
  const { rows, columns, limit, pick, names } = data;
  renew(parts, "caption", data.caption, () => {
    caption.textContent = data.caption;
    caption.hidden = !data.caption;
  });
  renew(parts, "shape", [rows, columns, limit, names], () => {
    frame.style.aspectRatio = `${columns} / ${rows}`;
    frame.style.width = `min(100%, ${(limit * columns) / rows}px)`;
    // Room for the names: a letter is about a fifth of a cell wide, an East Asian one twice that.
    const wide = (name) => [...name].reduce((sum, it) => sum + (it > "\u1100" ? 0.4 : 0.2), 0.4);
    const cells = Math.max(0, ...(names ?? []).map(wide));
    const room = `min(${(cells * limit) / rows}px, ${(100 * cells) / (columns + cells)}%)`;
    row.style.padding = names ? `0 0 ${room} ${room}` : "";
    parts.columns = columns;
    sharpen(parts);
  });
  if (image.src !== data.source) image.src = data.source;
  if (image.alt !== data.alt) image.alt = data.alt;
  renew(parts, "overlay", [rows, columns, data.window, data.values, data.ink, names], () =>
    drawOverlay(overlay, data),
  );
  renew(parts, "bar", data.bar, () => drawBar(bar, data.bar));

  frame.classList.toggle("pick", Boolean(pick));
  if (!pick) {
    frame.removeAttribute("tabindex");
    frame.onclick = frame.onkeydown = null;
    return;
  }
  frame.tabIndex = 0;
  frame.setAttribute("role", "application");
  frame.setAttribute("aria-label", pick.label);
  // The arrows count from where the last one led: what is drawn may answer an earlier one.
  if (!(Date.now() - parts.asked < 1000)) parts.at = pick.at;
  const choose = (row, column) => {
    parts.at = [
      Math.min(Math.max(row, 0), pick.rows - 1),
      Math.min(Math.max(column, 0), pick.columns - 1),
    ];
    parts.asked = Date.now();
    setStateValue("pixel", { row: parts.at[0], column: parts.at[1], stamp: parts.asked });
  };
  frame.onclick = (event) => {
    const box = frame.getBoundingClientRect();
    choose(
      Math.floor(((event.clientY - box.top) / box.height) * pick.rows),
      Math.floor(((event.clientX - box.left) / box.width) * pick.columns),
    );
  };
  frame.onkeydown = (event) => {
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[
      event.key
    ];
    if (!step) return;
    event.preventDefault();
    const stride = event.shiftKey ? 10 : 1;
    choose(parts.at[0] + stride * step[0], parts.at[1] + stride * step[1]);
  };
}
