import { pino, type Logger } from "pino";
import type { LogLine } from "@/contracts/worker-protocol/reports";

/** Lines that wait for the server; the oldest are dropped beyond it, with a line that says how many. */
const KEPT = 5_000;

/**
 * The agent's log: every line to stdout by pino, and those that belong to no run also to the server, which shows them
 * on the worker's page.
 */
export class AgentLog {
  private readonly pino: Logger;
  private lines: LogLine[] = [];
  private dropped = 0;

  constructor(name: string, logger: Logger = pino()) {
    this.pino = logger.child({ worker: name });
  }

  /** A line of the worker itself, or of one of its services. */
  write(level: LogLine["level"], message: string, source = "agent"): void {
    this.pino[level]({ source }, message);
    if (level === "debug") return;
    this.lines.push({ at: Date.now(), level, source, message: message.slice(0, 10_000) });
    if (this.lines.length > KEPT)
      this.dropped += this.lines.splice(0, this.lines.length - KEPT).length;
  }

  /** A line that reaches the server on another way (the run's own log). */
  writeLocally(level: LogLine["level"], message: string): void {
    this.pino[level](message);
  }

  /** Takes up to 1000 lines to send. */
  takeLines(): LogLine[] {
    const lines = this.lines.splice(0, this.dropped > 0 ? 999 : 1_000);
    if (this.dropped > 0)
      lines.unshift({
        at: Date.now(),
        level: "warn",
        source: "agent",
        message: `${this.dropped} older lines were dropped while the server was away`,
      });
    this.dropped = 0;
    return lines;
  }

  /** Puts lines back that could not be delivered. */
  restoreLines(lines: LogLine[]): void {
    this.lines = [...lines, ...this.lines].slice(-KEPT);
  }
}
