/** A problem that a person can mend; printed without a stack. */
export class StartError extends Error {
  /** @param {string} message what is wrong and how to mend it */
  constructor(message) {
    super(message);
    this.name = "StartError";
  }
}
