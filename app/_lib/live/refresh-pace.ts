/** Events that come together are answered by one read: how long it waits for others after the first. */
const GATHER_MS = 40;
/** Between the beginnings of two reads, however many events arrive. */
const INTERVAL_MS = 400;
/** A read that has not come by then is not waited for: one that fails is tried for seconds, and the rest of the page is to go on. */
const LONGEST_MS = 2_000;
/** The longest time between the beginnings of two reads that a slow server is given. */
const LONGEST_INTERVAL_MS = 3_000;

/**
 * When what events touch is read again: almost at once after a pause, at intervals while they go on, and not before
 * the last read has come or been given up; a server that takes long is given time to rest, within limits. Times in
 * milliseconds by one clock.
 */
export class RefreshPace {
  private timer: ReturnType<typeof setTimeout> | null = null;
  private isReading = false;
  private isAsked = false;
  private next = -Infinity;
  private isStopped = false;

  constructor(
    /** Resolves when what it asked for has come; must not throw. */
    private readonly read: () => Promise<unknown>,
    private readonly now = (): number => performance.now(),
  ) {}

  /** Something is to be read. */
  ask(): void {
    this.isAsked = true;
    if (this.isReading || this.timer !== null || this.isStopped) return;
    this.timer = setTimeout(
      () => {
        this.timer = null;
        void this.begin();
      },
      Math.max(GATHER_MS, this.next - this.now()),
    );
  }

  stop(): void {
    this.isStopped = true;
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }

  private async begin(): Promise<void> {
    const began = this.now();
    this.isReading = true;
    this.isAsked = false;
    await Promise.race([this.read(), new Promise((resolve) => setTimeout(resolve, LONGEST_MS))]);
    this.isReading = false;
    this.next =
      began + Math.min(LONGEST_INTERVAL_MS, Math.max(INTERVAL_MS, 2 * (this.now() - began)));
    if (this.isAsked) this.ask();
  }
}
