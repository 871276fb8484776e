/** How a command ended; null: well. */
export type CommandFailure = string | null;

/** What a command is started with. */
export interface StartedCommand {
  command: string;
  folder: string;
  /** Whether a person names the folder: it must be there. The worker's own is none of another machine of Ray. */
  isGivenFolder: boolean;
  /** Beside the worker's own environment. */
  environment: Record<string, string>;
  signal: AbortSignal;
  onLine: (line: string) => void;
}
