// A kernel as a grid of number fields. A changed cell is sent as it was typed;
// the server reads it and answers with the grid as it then stands.
function paint(input, value, limit) {
  // Red–white–blue as every signed map of the laboratory.
  const share = limit ? Math.min(Math.abs(value) / limit, 1) : 0;
  const fade = Math.round(255 * (1 - 0.5 * share));
  input.style.background = value > 0 ? `rgb(255,${fade},${fade})` : `rgb(${fade},${fade},255)`;
  input.style.color = "#111";
}

export default function ({ parentElement, data: [data], setTriggerValue }) {
  let grid = parentElement.querySelector(".grid");
  if (!grid) {
    grid = document.createElement("div");
    grid.className = "grid";
    grid.setAttribute("role", "group");
    parentElement.appendChild(grid);
  }
  const { cells, texts, label, cellLabel } = data;
  const rows = cells.length;
  const columns = cells[0].length;
  grid.setAttribute("aria-label", label);
  grid.style.gridTemplateColumns = `repeat(${columns}, minmax(0, 1fr))`;
  grid.style.maxWidth = `${Math.max(columns, 3) * 3.6}rem`;
  const limit = Math.max(...cells.flat().map(Math.abs));
  while (grid.children.length > rows * columns) grid.lastChild.remove();
  while (grid.children.length < rows * columns) {
    const input = document.createElement("input");
    input.inputMode = "text";
    grid.appendChild(input);
  }
  [...grid.children].forEach((input, index) => {
    const row = Math.floor(index / columns);
    const column = index % columns;
    input.value = texts[row][column];
    input.style.fontSize = columns > 9 ? "0.55rem" : columns > 5 ? "0.7rem" : "0.85rem";
    input.setAttribute("aria-label", cellLabel.replace("{row}", row + 1).replace("{column}", column + 1));
    paint(input, cells[row][column], limit);
    input.onchange = () => {
      if (input.value !== texts[row][column])
        setTriggerValue("cell", { row, column, text: input.value.slice(0, 40) });
    };
    input.onkeydown = (event) => {
      const step = { ArrowUp: -columns, ArrowDown: columns, Enter: columns }[event.key];
      if (!step) return;
      event.preventDefault();
      input.blur();
      const next = grid.children[index + step] ?? input;
      next.focus();
      next.select();
    };
    input.onfocus = () => input.select();
  });
}
