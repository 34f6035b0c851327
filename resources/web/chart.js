"use strict";
// Shots per day as bars. Drawn in real pixels, so that text is never stretched; arrow keys and the pointer choose a day.

const BELOW = 22;
const ABOVE = 10;
const LABEL_EVERY = 7;

/** The next even round number, and at least 4: the line at its half is then a round number of whole shots too. */
function roundedUp(most) {
  const power = 10 ** Math.floor(Math.log10(Math.max(4, most)));
  return [1, 2, 4, 6, 8, 10].map((step) => step * power).find((value) => value >= most && value >= 4);
}

class DayChart {
  /** frame: where to draw. readout: the line that tells the chosen day. */
  constructor(frame, readout) {
    this.frame = frame;
    this.readout = readout;
    this.days = [];
    this.chosen = -1;
    frame.addEventListener("keydown", (event) => this.onKey(event));
    frame.addEventListener("pointermove", (event) => this.choose(this.dayAt(event.offsetX)));
    frame.addEventListener("pointerdown", (event) => this.choose(this.dayAt(event.offsetX)));
    frame.addEventListener("pointerleave", () => this.choose(-1));
    frame.addEventListener("focus", () => this.choose(this.chosen < 0 ? this.days.length - 1 : this.chosen));
    frame.addEventListener("blur", () => this.choose(-1));
    new ResizeObserver(() => this.draw()).observe(frame);
  }

  /** days: [{ date, shots }], oldest first. */
  show(days) {
    this.days = days;
    this.chosen = -1;
    this.frame.setAttribute("aria-label", t("chartLabel"));
    this.frame.setAttribute("aria-valuemin", "1");
    this.frame.setAttribute("aria-valuemax", String(days.length));
    this.draw();
    this.tell();
  }

  onKey(event) {
    const last = this.days.length - 1;
    const steps = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageUp: -7, PageDown: 7 };
    const jumps = { Home: 0, End: last };
    if (!(event.key in steps || event.key in jumps)) return;
    event.preventDefault();
    this.choose(jumps[event.key] ?? Math.min(last, Math.max(0, this.chosen + steps[event.key])));
  }

  dayAt(x) {
    const day = Math.floor((x - this.left) / this.step);
    return day >= 0 && day < this.days.length ? day : -1;
  }

  choose(day) {
    if (day === this.chosen) return;
    this.chosen = day;
    this.bars?.forEach((bar, index) => bar.classList.toggle("chosen", index === day));
    this.tell();
  }

  tell() {
    const all = this.days.reduce((sum, day) => sum + day.shots, 0);
    const day = this.days[this.chosen];
    const text = shown(day
      ? t("onDay", { day: dayText(day.date), shots: shotsText(day.shots) })
      : t("inDays", { shots: shotsText(all), days: numbers.format(this.days.length) }));
    this.readout.textContent = text;
    this.frame.setAttribute("aria-valuenow", String(day ? this.chosen + 1 : this.days.length));
    this.frame.setAttribute("aria-valuetext", text);
  }

  draw() {
    const width = this.frame.clientWidth, height = this.frame.clientHeight;
    if (!width || !this.days.length) return;
    const top = roundedUp(Math.max(...this.days.map((day) => day.shots)));
    const lines = [0, top / 2, top];
    this.left = 12 + 7 * Math.max(...lines.map((value) => shortNumbers.format(value).length));
    this.step = (width - this.left) / this.days.length;
    const y = (shots) => height - BELOW - ((height - BELOW - ABOVE) * shots) / top;
    this.bars = this.days.map((day, index) => this.bar(index, day.shots, y));
    const picture = drawn("svg", { width, height, viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" });
    picture.append(...lines.flatMap((value) => this.line(value, y(value), width)), ...this.bars, ...this.labels(height - 4));
    this.frame.replaceChildren(picture);
  }

  bar(index, shots, y) {
    const height = shots ? Math.max(2, y(0) - y(shots)) : 0;
    const gap = this.step > 14 ? 4 : 2;
    const kind = index === this.chosen ? "bar chosen" : "bar";
    const at = { x: this.left + index * this.step + gap / 2, y: y(0) - height, width: Math.max(1, this.step - gap), height };
    return drawn("rect", { ...at, rx: 2, class: kind });
  }

  line(value, y, width) {
    return [
      drawn("line", { x1: this.left, x2: width, y1: y, y2: y, class: "line" }),
      drawn("text", { x: this.left - 6, y: y + 4, "text-anchor": "end" }, shortNumbers.format(value)),
    ];
  }

  /** Every seventh day from the newest back; the newest ends at the right edge, or it would be cut off. */
  labels(y) {
    const last = this.days.length - 1;
    return this.days.flatMap((day, index) => {
      if ((last - index) % LABEL_EVERY) return [];
      const x = this.left + (index + (index === last ? 1 : 0.5)) * this.step;
      return [drawn("text", { x, y, "text-anchor": index === last ? "end" : "middle" }, shortDayText(day.date))];
    });
  }
}
