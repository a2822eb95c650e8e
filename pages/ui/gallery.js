// Small pictures in rows, each with a line or two; pixels stay sharp. Where one can be
// chosen, each is a button.
export default function ({ parentElement, data: [data], setStateValue }) {
  let list = parentElement.querySelector("ul");
  if (!list) {
    list = document.createElement("ul");
    list.className = "gallery";
    parentElement.appendChild(list);
  }
  list.setAttribute("aria-label", data.label);
  list.choose = (index) => setStateValue("tile", { index, stamp: Date.now() });
  while (list.children.length > data.tiles.length) list.lastChild.remove();
  while (list.children.length < data.tiles.length) {
    const index = list.children.length;
    const tile = list.appendChild(document.createElement("li"));
    const inside = tile.appendChild(document.createElement(data.choice ? "button" : "div"));
    inside.appendChild(document.createElement("img"));
    inside.appendChild(document.createElement("span")).className = "head";
    inside.appendChild(document.createElement("span")).className = "note";
    if (data.choice) inside.onclick = () => list.choose(index);
  }
  data.tiles.forEach(({ source, alt, head, note, marked }, index) => {
    const tile = list.children[index];
    const inside = tile.firstChild;
    const [image, first, second] = inside.children;
    tile.className = marked ? "marked" : "";
    if (data.choice) inside.setAttribute("aria-pressed", String(index === data.chosen));
    if (image.src !== source) image.src = source;
    image.alt = alt;
    first.textContent = head.replace(/ (?=%)/g, "\u00a0"); // no line begins with a per cent sign
    second.textContent = note;
  });
}
