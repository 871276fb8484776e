/** Counts attempts at endpoints, answered or failed, between two readings. */
export class RetryStats {
  private attempts = 0;
  private failed = 0;

  readonly record = (answered: boolean): void => {
    this.attempts += 1;
    if (!answered) this.failed += 1;
  };

  /** Share of attempts that failed since the last reading; undefined where there was none. */
  takeFailedShare(): number | undefined {
    const share = this.attempts === 0 ? undefined : this.failed / this.attempts;
    this.attempts = 0;
    this.failed = 0;
    return share;
  }
}
