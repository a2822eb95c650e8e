// A line that stays while its words change: that is when screen readers speak it.
export default function ({ parentElement, data: [text] }) {
  let line = parentElement.querySelector("p");
  if (!line) {
    line = document.createElement("p");
    line.setAttribute("role", "status");
    parentElement.appendChild(line);
  }
  if (line.textContent !== text) line.textContent = text;
}
