/** How long an answer is kept for others who ask the same; tabs ask within a second of the event that they all hear. */
const KEEP_MS = 3_000;

/** Answers that several ask for: they are read once. */
export class SharedAnswers<T> {
  private readonly answers = new Map<string, Promise<T>>();

  /** @param most of this many answers the newest are kept, those that are still read among them */
  constructor(
    private readonly keepMs = KEEP_MS,
    private readonly most = Infinity,
  ) {}

  /** @param key must say everything that the answer depends on, the state of what is read included */
  get(key: string, read: () => Promise<T>): Promise<T> {
    const known = this.answers.get(key);
    if (known) return known;
    const answer = read();
    this.answers.set(key, answer);
    const [oldest] = this.answers.keys();
    if (this.answers.size > this.most) this.answers.delete(oldest!);
    const forget = (): void => {
      if (this.answers.get(key) === answer) this.answers.delete(key);
    };
    answer.then(() => setTimeout(forget, this.keepMs).unref(), forget);
    return answer;
  }
}
