// A label map in memory: ids, the tools that change them, and the way back. Knows nothing of the page.

const MOST_HISTORY = 64 * 2 ** 20; // bytes

export class LabelMap {
  constructor(width, height, ids) {
    this.width = width;
    this.height = height;
    this.ids = ids; // Uint16Array, row by row
    this.before = [];
    this.after = [];
  }

  static unpack({ width, height, ids }) {
    const bytes = Uint8Array.from(atob(ids), (letter) => letter.charCodeAt(0));
    return new LabelMap(width, height, Uint16Array.from({ length: width * height },
      (_, i) => bytes[2 * i] | bytes[2 * i + 1] << 8));
  }

  pack() {
    let text = '';
    for (const id of this.ids) text += String.fromCharCode(id & 255, id >> 8);
    return { height: this.height, width: this.width, ids: btoa(text) };
  }

  at(x, y) {
    return this.ids[y * this.width + x];
  }

  // The state before a change, to come back to.
  remember() {
    this.before.push(this.#state());
    this.after = [];
    while (this.before.length > 1 && this.before.length * this.ids.byteLength > MOST_HISTORY) this.before.shift();
  }

  // Another map, of any size, in place of this one.
  become({ width, height, ids }) {
    this.remember();
    Object.assign(this, { width, height, ids });
  }

  undo() { return this.#step(this.before, this.after); }

  redo() { return this.#step(this.after, this.before); }

  #state() {
    return { width: this.width, height: this.height, ids: this.ids.slice() };
  }

  #step(from, to) {
    if (!from.length) return false;
    to.push(this.#state());
    Object.assign(this, from.pop());
    return true;
  }

  box(x0, y0, x1, y1, id) {
    const [left, right] = [Math.max(0, Math.min(x0, x1)), Math.min(this.width - 1, Math.max(x0, x1))];
    for (let y = Math.max(0, Math.min(y0, y1)); y <= Math.min(this.height - 1, Math.max(y0, y1)); y++) {
      if (left <= right) this.ids.fill(id, y * this.width + left, y * this.width + right + 1);
    }
  }

  // A disk of `size` pixels across, at the pixel (x, y).
  dot(x, y, size, id) {
    const low = -Math.floor((size - 1) / 2);
    const middle = low + (size - 1) / 2;
    for (let dy = low; dy < low + size; dy++) {
      const half = Math.sqrt(Math.max(0, (size / 2) ** 2 - (dy - middle) ** 2));
      this.box(x + Math.ceil(middle - half), y + dy, x + Math.floor(middle + half), y + dy, id);
    }
  }

  // Disks at each pixel of the way from one place to another.
  stroke(x0, y0, x1, y1, size, id) {
    const steps = Math.max(Math.abs(x1 - x0), Math.abs(y1 - y0), 1);
    for (let i = 0; i <= steps; i++) {
      this.dot(Math.round(x0 + (x1 - x0) * i / steps), Math.round(y0 + (y1 - y0) * i / steps), size, id);
    }
  }

  // The connected area of one class around (x, y): pixels that share a side are connected.
  fill(x, y, id) {
    const { ids, width, height } = this;
    const old = this.at(x, y);
    if (old === id) return;
    const rest = [y * width + x];
    while (rest.length) {
      let place = rest.pop();
      if (ids[place] !== old) continue;
      const start = place - place % width;
      let left = place;
      while (left > start && ids[left - 1] === old) left--;
      for (place = left; place < start + width && ids[place] === old; place++) {
        ids[place] = id;
        if (place >= width) rest.push(place - width);
        if (place + width < width * height) rest.push(place + width);
      }
    }
  }

  // Every pixel in the colour of its class, without any pixel between two colours.
  draw(canvas, colours) {
    canvas.width = this.width;
    canvas.height = this.height;
    const picture = new ImageData(this.width, this.height);
    this.ids.forEach((id, i) => picture.data.set(colours[id], 4 * i));
    canvas.getContext('2d').putImageData(picture, 0, 0);
  }
}
