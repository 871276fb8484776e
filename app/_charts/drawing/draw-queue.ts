import { flushSync } from "react-dom";

/**
 * Drawing a chart takes long enough that several at once would hold up the page: each is drawn in a task of its own, so
 * that the pointer and the keys are answered between them.
 */
const jobs = new Set<() => void>();
let isScheduled = false;

function runNext(): void {
  const [job] = jobs;
  if (job) {
    jobs.delete(job);
    flushSync(job);
  }
  isScheduled = jobs.size > 0;
  if (isScheduled) setTimeout(runNext, 0);
}

/** What the hand did is painted first: the chart under the pointer does not wait for the others. */
function schedule(): void {
  if (isScheduled || jobs.size === 0) return;
  isScheduled = true;
  // A page in the background is not painted.
  if (document.hidden) setTimeout(runNext, 0);
  else requestAnimationFrame(() => setTimeout(runNext, 0));
}

/** Runs a change of state in a task of its own, after those that wait. @returns how to take it back */
export function queueDrawing(job: () => void): () => void {
  jobs.add(job);
  schedule();
  return () => jobs.delete(job);
}
