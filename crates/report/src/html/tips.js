"use strict";
// Exact values of one record: of that nearest to the pointer, or by the arrow keys.

/// Pixels between the pointer and the tip.
const TIP_GAP = 14;

/// Puts the tip beside a point of its drawing, and all of it inside.
function placeTip(box, node, x, y) {
  const left = Math.max(0, Math.min(x - node.offsetWidth / 2, box.clientWidth - node.offsetWidth));
  const above = y - node.offsetHeight - TIP_GAP;
  node.style.left = `${left}px`;
  node.style.top = `${above >= 0 ? above : y + TIP_GAP}px`;
}

function tip(box, svg, rows, tell) {
  const node = element("output", { class: "tip", hidden: true });
  let at = -1;
  let [x, y] = [0, 0];
  const show = (row) => {
    node.hidden = row == null;
    node.textContent = row == null ? "" : tell(row);
    placeTip(box, node, x, y);
  };
  const move = (toX, toY) => {
    [x, y] = [toX, toY];
    placeTip(box, node, x, y);
  };
  // Plot sets the nearest record after the pointer has moved.
  svg.addEventListener("input", () => show(svg.value));
  box.onpointermove = (event) => {
    const { left, top } = box.getBoundingClientRect();
    move(event.clientX - left, event.clientY - top);
  };
  box.onkeydown = (event) => {
    const steps = { ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1,
      Home: 0, End: rows.length - 1, Escape: -1 };
    if (!(event.key in steps)) return;
    event.preventDefault();
    at = Math.max(-1, Math.min(steps[event.key], rows.length - 1));
    show(rows[at]);
    move(box.clientWidth, 0);
  };
  box.onblur = () => show(null);
  return node;
}
