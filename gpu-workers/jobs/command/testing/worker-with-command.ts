/** A worker's process with a command, for a test that kills it. usage: worker-with-command.ts FOLDER */
import { runProcess } from "../command-process";

await runProcess({
  command: "echo $$ > pid; sleep 300",
  folder: process.argv[2]!,
  isGivenFolder: true,
  environment: {},
  signal: new AbortController().signal,
  onLine: () => undefined,
});
