/* What hands do to a map, in its own words. */

export function makeActions(map) {
  const cancel = () => {
    map.outline = null;
    map.drawOver();
  };
  const leave = () => {
    map.setHovered(-1);
    map.hear.onHover(-1, 0, 0);
  };
  return {
    cancel, leave,
    pan: (right, down) => { map.camera.pan(right, down); map.changeView(); },
    zoomBy: (...how) => { leave(); map.zoomBy(...how); },
    fit: () => map.fit(),
    hover: (px, py) => {
      if (map.morph || map.isMoving) return;
      const i = map.rowAt(px, py);
      map.setHovered(i);
      map.hear.onHover(i, px, py);
    },
    pick: (px, py, how) => map.hear.onPick(map.rowAt(px, py), how),
    outline: (path) => { map.outline = path; map.drawOver(); },
    choose: (path, how) => {
      cancel();
      if (path.length > 2) map.hear.onOutline(path.map(([px, py]) => map.camera.toFrame(px, py).map(Math.round)), how);
    },
  };
}
