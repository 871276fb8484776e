/**
 * Sends a signal to all processes of a group, if there still are any. A process that was started `detached` leads a
 * group of its own.
 *
 * @param {number | undefined} leader process id; undefined where the process could not be started
 * @param {NodeJS.Signals} signal
 */
export function killGroup(leader, signal) {
  if (leader === undefined) return;
  try {
    process.kill(-leader, signal);
  } catch (error) {
    // ESRCH: the group is over. EPERM: of it only what belongs to others is left.
    const { code = "" } = /** @type {NodeJS.ErrnoException} */ (error);
    if (!["ESRCH", "EPERM"].includes(code)) throw error;
  }
}
