/** Counts the tries at endpoints, answered or failed, from one reading to the next. */
export class Tries {
  private made = 0;
  private failed = 0;

  readonly count = (answered: boolean): void => {
    this.made += 1;
    if (!answered) this.failed += 1;
  };

  /** Share that failed since the last reading; undefined where nothing was asked. */
  take(): number | undefined {
    const share = this.made === 0 ? undefined : this.failed / this.made;
    this.made = 0;
    this.failed = 0;
    return share;
  }
}
