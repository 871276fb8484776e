/** In which order stages of a test run are begun, so that no core waits for the last of them. */

/**
 * @typedef {object} Job
 * @property {string} name
 * @property {number} seconds how long it took last, or is expected to take
 * @property {number} memoryGb what it needs at most
 */

/**
 * The stage that a free lane begins with: the longest one that fits into the memory that is left. With nothing beside
 * it a stage is begun whatever it needs.
 *
 * @template {Job} T
 * @param {readonly T[]} waiting
 * @param {readonly Job[]} running
 * @param {number} memoryGb of the machine
 * @returns {T | null} null: wait until one has ended
 */
export function chooseNext(waiting, running, memoryGb) {
  const free = memoryGb - running.reduce((sum, job) => sum + job.memoryGb, 0);
  const fitting = running.length === 0 ? waiting : waiting.filter((job) => job.memoryGb <= free);
  return fitting.reduce(
    (/** @type {T | null} */ longest, job) =>
      longest === null || job.seconds > longest.seconds ? job : longest,
    null,
  );
}

/**
 * Runs all of them, so many at once.
 *
 * @template {Job} T
 * @param {readonly T[]} jobs
 * @param {{ lanes: number, memoryGb: number, run: (job: T) => Promise<void> }} options run must not reject
 */
export async function runInLanes(jobs, { lanes, memoryGb, run }) {
  const waiting = new Set(jobs);
  /** @type {Map<T, Promise<void>>} */
  const running = new Map();
  while (waiting.size + running.size > 0) {
    while (running.size < lanes) {
      const next = chooseNext([...waiting], [...running.keys()], memoryGb);
      if (next === null) break;
      waiting.delete(next);
      running.set(
        next,
        run(next).then(() => void running.delete(next)),
      );
    }
    await Promise.race(running.values());
  }
}

/**
 * The seconds that stages took, as a run before has written them; an unreadable text says nothing.
 * @param {string} text
 * @returns {Map<string, number>}
 */
export function readSeconds(text) {
  try {
    const entries = Object.entries(/** @type {Record<string, unknown>} */ (JSON.parse(text)));
    return new Map(
      entries.filter(
        /** @returns {entry is [string, number]} */ (entry) =>
          typeof entry[1] === "number" && Number.isFinite(entry[1]) && entry[1] >= 0,
      ),
    );
  } catch {
    return new Map();
  }
}
