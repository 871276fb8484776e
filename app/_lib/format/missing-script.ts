const KEY = "s3.reloaded-at";
/** A page that fails again so soon after it was loaded anew is not helped by that. */
const AGAIN_MS = 60_000;

/**
 * Whether a script of the page could not be loaded: the connection failed, or the server was updated and has only those of
 * a newer page.
 */
export const isMissingScript = (error: unknown): boolean =>
  error instanceof Error &&
  (error.name === "ChunkLoadError" ||
    /dynamically imported module|importing a module script/i.test(error.message));

/** Loads the page anew, which brings its present scripts; not where it was done just before. */
export function reloadOnce(
  reload = (): void => window.location.reload(),
  now: number = Date.now(),
): void {
  try {
    const last = Number(window.sessionStorage.getItem(KEY));
    if (Math.abs(now - last) < AGAIN_MS) return;
    window.sessionStorage.setItem(KEY, String(now));
  } catch {
    // Without a memory it could go on for ever.
    return;
  }
  reload();
}
