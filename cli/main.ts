import { exitOnClosedPipe } from "@/lib/closed-pipe";
import { connect, describeFailure } from "./client";
import type { CommandContext } from "./context";
import { createProgram } from "./program";

exitOnClosedPipe();
const connection = connect(process.env.S3_SERVER);
const print = (text: string): void => void process.stdout.write(`${text}\n`);
const context: CommandContext = {
  ...connection,
  print,
  printJson: (value) => print(JSON.stringify(value, null, 2)),
  warn: (text) => void process.stderr.write(`${text}\n`),
};

createProgram(context)
  .parseAsync()
  .catch((error: unknown) => {
    process.stderr.write(`${describeFailure(error, connection.server)}\n`);
    process.exitCode = 1;
  })
  .finally(() => connection.close());
