import { createWriteStream, type WriteStream } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { stripVTControlCharacters } from "node:util";
import type { RunContext } from "@/gpu-workers/jobs/context/run-context";

type ReportingContext = Pick<RunContext, "log" | "report">;

/** Characters of a line that the run's log keeps; the file has all. */
const MOST_CHARACTERS = 4_000;
/** Lines a second that the run's log takes; the file has all. */
const MOST_LINES = 100;
const SECOND_MS = 1_000;

/**
 * What trainers write where they swallow an exception and go on. Upstream's trainer catches whatever a batch throws,
 * writes this and skips the batch, so that its job succeeds though nothing was learnt.
 */
const SWALLOWED = [/Error in training loop/i];
/** A step in a line of verl's console: `step:12 - ...`. */
const STEP = /\bstep:\s*(\d{1,9})\b/;
/** What Ray writes before a line of another process. */
const RAY_PREFIX = /^\([^()]*pid=\d+[^()]*\)\s?/;

/** The console of a command: the run's log, a file with all of it, and an alarm where it swallows errors. */
export class ConsoleWatch {
  private swallowed = 0;
  private step = 0;
  private second = 0;
  private lines = 0;
  private leftOut = 0;
  private isClosed = false;
  private hasFile = true;

  private constructor(
    private readonly context: ReportingContext,
    readonly path: string,
    private readonly file: WriteStream,
  ) {
    // A full disk ends the file, not the worker; unheard, it would.
    file.once("error", (error) => {
      this.hasFile = false;
      context.log("error", `output.log is not written any more: ${error.message}`);
    });
  }

  static async open(context: ReportingContext, path: string): Promise<ConsoleWatch> {
    await mkdir(dirname(path), { recursive: true });
    return new ConsoleWatch(context, path, createWriteStream(path));
  }

  take(raw: string): void {
    if (this.hasFile) this.file.write(`${raw}\n`);
    // Of a progress bar the last state.
    const line = stripVTControlCharacters(raw.slice(raw.trimEnd().lastIndexOf("\r") + 1)).trimEnd();
    if (line === "") return;
    const step = STEP.exec(line.replace(RAY_PREFIX, ""));
    if (step) this.step = Number(step[1]);
    if (SWALLOWED.some((pattern) => pattern.test(line))) {
      this.tell("error", line);
      return this.countSwallowed();
    }
    this.tell("info", line);
  }

  /** Ends the file; what was left out of the log is said. Doing it twice changes nothing. */
  async close(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    this.sayLeftOut();
    if (!this.hasFile) return;
    await new Promise<void>((done) => {
      this.file.once("error", () => done());
      this.file.end(() => done());
    });
  }

  private tell(level: "info" | "error", line: string): void {
    if (this.hasRoom()) this.context.log(level, line.slice(0, MOST_CHARACTERS));
    else this.leftOut += 1;
  }

  private hasRoom(): boolean {
    const second = Math.floor(Date.now() / SECOND_MS);
    if (second !== this.second) {
      this.second = second;
      this.lines = 0;
      this.sayLeftOut();
    }
    this.lines += 1;
    return this.lines <= MOST_LINES;
  }

  private sayLeftOut(): void {
    if (this.leftOut > 0)
      this.context.log("warn", `${this.leftOut} lines are left out here; output.log has them.`);
    this.leftOut = 0;
  }

  private countSwallowed(): void {
    this.swallowed += 1;
    const { swallowed: value, step } = this;
    const metric = "command/swallowed_errors";
    void this.context.report({
      kind: "metrics",
      points: [{ name: metric, step, at: Date.now(), value }],
    });
    if (value > 1) return;
    const evidence = {
      metric,
      now: { value, fromStep: step, toStep: step },
      before: null,
      limit: { side: "at-least" as const, value: 1 },
    };
    void this.context.report({
      kind: "alarms",
      changes: [
        { to: "raised", name: "swallowed-errors", step, since: step, evidence: [evidence] },
      ],
    });
  }
}
