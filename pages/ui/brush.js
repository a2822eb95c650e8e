// A picture that is painted over. The browser draws each stroke at once and sends what
// is hidden a few times a second; the server answers with what it has heard last.
const SVG = "http://www.w3.org/2000/svg";
const PAUSE = 150; // milliseconds between two messages while a stroke goes on
let brushes = 0;

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
  const frame = make(figure, "div", "frame");
  const svg = make(frame, "svg", "", SVG);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  const image = make(svg, "image", "", SVG);
  const clip = make(svg, "clipPath", "", SVG);
  clip.id = `brush-${(brushes += 1)}`;
  const area = make(clip, "path", "", SVG);
  const instead = make(svg, "image", "", SVG);
  instead.setAttribute("clip-path", `url(#${clip.id})`);
  const edges = ["edge-under", "edge"].map((name) => make(svg, "path", name, SVG));
  const cursors = make(svg, "g", "cursors", SVG);
  const boxes = ["cursor-under", "cursor"].map((name) => make(cursors, "rect", name, SVG));
  const spoken = make(figure, "div", "spoken");
  spoken.setAttribute("role", "status");
  return { caption, frame, svg, image, instead, area, edges, boxes, spoken, sent: 0, at: null };
}

// Eight pixels a byte, row by row, the first in the highest bit: as cvcore.subjects.pack.
function read(hex, count) {
  const mask = new Uint8Array(count);
  for (let index = 0; index < count; index += 1) {
    const byte = parseInt(hex.substr(2 * (index >> 3), 2), 16);
    mask[index] = (byte >> (7 - (index & 7))) & 1;
  }
  return mask;
}

function write(mask) {
  const bytes = new Uint8Array(Math.ceil(mask.length / 8));
  mask.forEach((bit, index) => (bytes[index >> 3] |= bit << (7 - (index & 7))));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function draw(parts, { rows, columns }) {
  const { mask, area, edges } = parts;
  const is = (row, column) =>
    row >= 0 && column >= 0 && row < rows && column < columns && mask[row * columns + column];
  let squares = "";
  let lines = "";
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      if (!is(row, column)) continue;
      squares += `M${column} ${row}h1v1h-1z`;
      if (!is(row - 1, column)) lines += `M${column} ${row}h1`;
      if (!is(row + 1, column)) lines += `M${column} ${row + 1}h1`;
      if (!is(row, column - 1)) lines += `M${column} ${row}v1`;
      if (!is(row, column + 1)) lines += `M${column + 1} ${row}v1`;
    }
  }
  area.setAttribute("d", squares);
  edges.forEach((edge) => edge.setAttribute("d", lines));
}

// The pixels under the brush when its middle is at a pixel, cut off at the picture's edge.
function under([row, column], { size, rows, columns }) {
  const before = Math.floor((size - 1) / 2);
  const top = Math.max(row - before, 0);
  const left = Math.max(column - before, 0);
  const height = Math.min(row - before + size, rows) - top;
  const width = Math.min(column - before + size, columns) - left;
  return { top, left, height, width };
}

export default function ({ parentElement, data: [data], setStateValue }) {
  const parts = (parentElement.cvBrush ??= build(parentElement));
  const { caption, frame, svg, image, instead, boxes, spoken } = parts;
  const { rows, columns, limit } = data;
  caption.textContent = data.caption;
  frame.style.aspectRatio = `${columns} / ${rows}`;
  frame.style.width = `min(100%, ${(limit * columns) / rows}px)`;
  svg.setAttribute("viewBox", `0 0 ${columns} ${rows}`);
  [
    [image, data.image],
    [instead, data.instead],
  ].forEach(([element, source]) => {
    element.setAttribute("width", columns);
    element.setAttribute("height", rows);
    element.setAttribute("preserveAspectRatio", "none");
    if (element.getAttribute("href") !== source) element.setAttribute("href", source);
  });
  frame.tabIndex = 0;
  frame.setAttribute("role", "application");
  frame.setAttribute("aria-label", `${data.alt}. ${data.label}`);
  // What was painted here and not yet heard there is newer than what comes from there.
  const behind = parts.painting || parts.timer || data.heard < parts.sent;
  if (!parts.mask || parts.mask.length !== rows * columns || !behind) {
    parts.mask = read(data.hidden, rows * columns);
  }
  parts.at ??= [Math.floor(rows / 2), Math.floor(columns / 2)];
  parts.at = [Math.min(parts.at[0], rows - 1), Math.min(parts.at[1], columns - 1)];
  draw(parts, data);

  const point = () => {
    const box = under(parts.at, data);
    boxes.forEach((rect) => {
      rect.setAttribute("x", box.left);
      rect.setAttribute("y", box.top);
      rect.setAttribute("width", box.width);
      rect.setAttribute("height", box.height);
    });
  };
  point();

  parts.send = () => {
    clearTimeout(parts.timer);
    parts.timer = null;
    parts.sent = Math.max(Date.now(), parts.sent + 1);
    setStateValue("stroke", { hidden: write(parts.mask), stamp: parts.sent });
  };
  const paint = (value) => {
    const box = under(parts.at, data);
    for (let row = box.top; row < box.top + box.height; row += 1) {
      parts.mask.fill(value, row * columns + box.left, row * columns + box.left + box.width);
    }
    draw(parts, data);
    const wait = Math.max(parts.sent + PAUSE - Date.now(), 0);
    parts.timer ??= setTimeout(() => parts.send(), wait);
  };
  const isHidden = () => parts.mask[parts.at[0] * columns + parts.at[1]];
  const say = () => {
    const sentence = isHidden() ? data.spokenHidden : data.spokenShown;
    spoken.textContent = sentence
      .replace("{row}", parts.at[0] + 1)
      .replace("{column}", parts.at[1] + 1);
  };

  const place = (event) => {
    const box = frame.getBoundingClientRect();
    const clamp = (value, count) => Math.min(Math.max(Math.floor(value), 0), count - 1);
    return [
      clamp(((event.clientY - box.top) / box.height) * rows, rows),
      clamp(((event.clientX - box.left) / box.width) * columns, columns),
    ];
  };
  // A quick hand jumps over pixels: the way there is painted too.
  const follow = (to, value) => {
    const [from, steps] = [
      parts.at,
      Math.max(Math.abs(to[0] - parts.at[0]), Math.abs(to[1] - parts.at[1])),
    ];
    for (let step = 1; step <= steps; step += 1) {
      parts.at = [0, 1].map((axis) =>
        Math.round(from[axis] + ((to[axis] - from[axis]) * step) / steps),
      );
      paint(value);
    }
  };
  frame.onpointerdown = (event) => {
    if (event.button || parts.painting) return;
    frame.setPointerCapture(event.pointerId);
    parts.at = place(event);
    parts.value = isHidden() ? 0 : 1;
    parts.painting = true;
    point();
    paint(parts.value);
  };
  frame.onpointermove = (event) => {
    if (parts.painting) follow(place(event), parts.value);
    else parts.at = place(event);
    point();
  };
  frame.onpointerup = frame.onpointercancel = () => {
    if (!parts.painting) return;
    parts.painting = false;
    parts.send();
  };
  frame.onkeydown = (event) => {
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[
      event.key
    ];
    if (!step && event.key !== " ") return;
    event.preventDefault();
    if (step) {
      const stride = event.shiftKey ? 5 : 1;
      parts.at = [
        Math.min(Math.max(parts.at[0] + stride * step[0], 0), rows - 1),
        Math.min(Math.max(parts.at[1] + stride * step[1], 0), columns - 1),
      ];
      point();
    } else {
      paint(isHidden() ? 0 : 1);
    }
    say();
  };
}
