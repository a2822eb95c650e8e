// Small pictures in rows, each with a line or two; pixels stay sharp.
export default function ({ parentElement, data: [data] }) {
  let list = parentElement.querySelector("ul");
  if (!list) {
    list = document.createElement("ul");
    list.className = "gallery";
    parentElement.appendChild(list);
  }
  list.setAttribute("aria-label", data.label);
  while (list.children.length > data.tiles.length) list.lastChild.remove();
  while (list.children.length < data.tiles.length) {
    const tile = list.appendChild(document.createElement("li"));
    tile.appendChild(document.createElement("img"));
    tile.appendChild(document.createElement("span")).className = "head";
    tile.appendChild(document.createElement("span")).className = "note";
  }
  data.tiles.forEach(({ source, alt, head, note, marked }, index) => {
    const tile = list.children[index];
    const [image, first, second] = tile.children;
    tile.className = marked ? "marked" : "";
    if (image.src !== source) image.src = source;
    image.alt = alt;
    first.textContent = head.replace(/ (?=%)/g, "\u00a0"); // no line begins with a per cent sign
    second.textContent = note;
  });
}
