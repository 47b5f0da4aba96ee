"use strict";
// Names at the ends of curves, moved apart so that none covers another.

/// Pixels from one name to the next, and from the drawing to the names.
const LABEL_STEP = 13;
const LABEL_GAP = 14;

/// Room on the right for the names of strategies.
function labelRoom(all, width) {
  const longest = Math.max(0, ...strategiesOf(all).map((strategy) => labelOf(strategy).length));
  return Math.min(longest * 7 + LABEL_GAP + 4, width * 0.36);
}

/// Height that holds all names one below the other.
function labelHeight(all, least) {
  return Math.max(least, strategiesOf(all).length * LABEL_STEP + 70);
}

/// Places in order, at least a step apart and within bounds if they fit.
function apart(places, top, bottom) {
  const moved = [...places];
  for (let at = 0; at < moved.length; at += 1) {
    moved[at] = Math.max(moved[at], at === 0 ? top : moved[at - 1] + LABEL_STEP);
  }
  for (let at = moved.length - 1; at >= 0; at -= 1) {
    moved[at] = Math.min(moved[at], at === moved.length - 1 ? bottom : moved[at + 1] - LABEL_STEP);
  }
  return moved;
}

/// Writes each strategy's name beside the last point of its curve.
function endLabels(svg, rows, { x, y }, room) {
  const value = (row, key) => typeof key === "function" ? key(row) : row[key];
  const [scaleX, scaleY] = [svg.scale("x"), svg.scale("y")];
  const ends = strategiesOf(rows).map((strategy) => {
    const own = rows.filter((row) => row.strategy === strategy && value(row, y) != null);
    const last = d3.greatest(own, (row) => value(row, x));
    return last && { strategy, x: scaleX.apply(value(last, x)), y: scaleY.apply(value(last, y)) };
  }).filter(Boolean).sort((a, b) => a.y - b.y);
  const [low, high] = d3.extent(scaleY.range);
  const places = apart(ends.map((end) => end.y), low, high);
  const left = svg.width.baseVal.value - room + LABEL_GAP;
  const group = d3.select(svg).append("g").attr("aria-label", "names").attr("text-anchor", "start");
  ends.forEach(({ strategy, ...end }, at) => {
    const { color } = look(strategy);
    group.append("path").attr("d", `M${end.x + 5},${end.y}L${left - 3},${places[at]}`)
      .attr("stroke", color).attr("stroke-opacity", 0.5).attr("fill", "none");
    group.append("text").attr("x", left).attr("y", places[at]).attr("dy", "0.35em")
      .attr("fill", color).attr("font-weight", weightOf(strategy))
      .text(fitted(labelOf(strategy), room - LABEL_GAP + 14));
  });
  return svg;
}
