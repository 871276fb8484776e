import { flushSync } from "react-dom";

/**
 * Drawing a chart takes long enough that several at once would hold up the page: each is drawn in a task of its own, so
 * that the pointer and the keys are answered between them, and the first is painted before the others are drawn.
 */
const jobs = new Set<() => void>();
let isScheduled = false;

const runSoon = (): unknown => setTimeout(() => runNext(runSoon), 0);
// Timers alone may come several times before the browser paints.
const runAfterPaint = (): unknown => requestAnimationFrame(runSoon);

function runNext(later: () => void): void {
  isScheduled = false;
  const [job] = jobs;
  if (!job) return;
  jobs.delete(job);
  flushSync(job);
  schedule(later);
}

function schedule(later: () => void): void {
  if (isScheduled || jobs.size === 0) return;
  isScheduled = true;
  later();
}

/** Runs a change of state in a task of its own, after those that wait. @returns how to take it back */
export function queueDrawing(job: () => void): () => void {
  jobs.add(job);
  schedule(() => setTimeout(() => runNext(runAfterPaint), 0));
  return () => jobs.delete(job);
}
