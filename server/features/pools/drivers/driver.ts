/** A scheduler that pools start jobs with. Every call names the job, and may be made again. */

export interface PoolJob {
  /** Unique: submitting it again makes no second job. */
  name: string;
  /** The rendered template. */
  script: string;
  gpus: number;
  /** Its worker's token: it reaches the job's environment as S3_WORKER_TOKEN, and no argument or stored script. */
  token: string;
}

export interface JobStatus {
  phase: "queued" | "running" | "ended" | "failed";
  /** In the scheduler's words. */
  detail: string;
  /** By the scheduler's clock, where it says. */
  startedAt?: Date | undefined;
  /** Of one that is over, by the scheduler's clock, where it says. */
  endedAt?: Date | undefined;
}

export interface PoolDriver {
  /** A job that is not listed within this time of its submission is gone; by default one that is not listed at all. */
  readonly appearsWithinMs?: number;
  /**
   * Tries now whether it would take such a job, without starting one.
   *
   * @returns what answered
   * @throws AppError with the reason where it would not
   */
  check(job: Omit<PoolJob, "token">): Promise<string>;
  /** @returns the scheduler's own id of the job; the same where it was submitted before */
  submit(job: PoolJob): Promise<string>;
  /** Jobs by name; one that the scheduler does not know is absent. @throws where it does not answer */
  list(names: readonly string[]): Promise<Map<string, JobStatus>>;
  /** Tells the job to end, which it does in its own time; one that is gone is none to tell. */
  cancel(name: string): Promise<void>;
  /** The last lines that it wrote. */
  readLog(name: string): Promise<string>;
  /** Removes what is left of a job that has ended. */
  release(name: string): Promise<void>;
}

/** The end of a log, as much as is worth showing. */
export const keepLogTail = (log: string): string => log.slice(-8_000);
