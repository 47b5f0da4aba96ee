"use strict";
// Exact values of one record, beside its mark: of that nearest to the pointer, or by arrow keys.

/// Pixels between a mark and its tip, and farthest from the pointer to a mark.
const TIP_GAP = 6;
const TIP_REACH = 60;

/// The marks of a drawing by the places of their records.
function spotsOf(svg) {
  const marks = [...svg.querySelectorAll(".spots > *")];
  return new Map(marks.map((mark) => [mark.__data__, mark]));
}

/// Distance of a point from a box; rows matter more than columns.
function distance({ left, right, top, bottom }, x, y) {
  const [dx, dy] = [Math.max(left - x, 0, x - right), Math.max(top - y, 0, y - bottom)];
  const off = Math.hypot(x - (left + right) / 2, y - (top + bottom) / 2) / 1000;
  return Math.hypot(dx, dy) + off;
}

/// Puts the tip below a mark, or above if there is no room, and all of it inside.
function placeTip(box, node, mark) {
  const [outer, at] = [box.getBoundingClientRect(), mark.getBoundingClientRect()];
  const middle = (at.left + at.right) / 2 - outer.left - node.offsetWidth / 2;
  const left = Math.max(0, Math.min(middle, box.clientWidth - node.offsetWidth));
  const below = at.bottom - outer.top + TIP_GAP;
  const above = at.top - outer.top - TIP_GAP - node.offsetHeight;
  node.style.left = `${left + box.scrollLeft}px`;
  node.style.top = `${above >= 0 ? above : below}px`;
}

function tip(box, svg, rows, tell) {
  const node = element("output", { class: "tip", hidden: true });
  const spots = spotsOf(svg);
  let at = -1;
  const show = (to) => {
    spots.get(at)?.classList.remove("on");
    at = to;
    const mark = spots.get(at);
    node.hidden = mark == null;
    if (mark == null) return;
    mark.classList.add("on");
    node.textContent = tell(rows[at]);
    placeTip(box, node, mark);
  };
  box.onpointermove = ({ clientX, clientY }) => {
    const near = [...spots].map(([place, mark]) =>
      [place, distance(mark.getBoundingClientRect(), clientX, clientY)]);
    const [place, off] = d3.least(near, ([, off]) => off) ?? [-1, Infinity];
    show(off <= TIP_REACH ? place : -1);
  };
  box.onpointerleave = () => show(-1);
  box.onkeydown = (event) => {
    const steps = { ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1,
      Home: 0, End: rows.length - 1, Escape: -1 };
    if (!(event.key in steps)) return;
    event.preventDefault();
    show(Math.max(-1, Math.min(steps[event.key], rows.length - 1)));
  };
  box.onblur = () => show(-1);
  return node;
}
