// A drawing of a network; a click on a layer is sent to the server.
export default function ({ parentElement, data: [data], setTriggerValue }) {
  let frame = parentElement.querySelector(".network");
  if (!frame) {
    frame = document.createElement("div");
    frame.className = "network";
    frame.tabIndex = 0; // so that the arrow keys can scroll it
    frame.setAttribute("role", "region");
    parentElement.appendChild(frame);
  }
  frame.setAttribute("aria-label", data.label);
  frame.classList.toggle("editable", data.editable);
  if (frame.drawn !== data.svg) {
    const left = frame.scrollLeft;
    frame.innerHTML = frame.drawn = data.svg; // the server's own drawing, its words escaped
    frame.scrollLeft = left;
  }
  frame.onclick = ({ target }) => {
    const layer = target.closest("[data-layer]");
    if (data.editable && layer) setTriggerValue("layer", Number(layer.dataset.layer));
  };
}
