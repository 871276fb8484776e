import { exitOnClosedPipe } from "@/lib/closed-pipe";
import { runProgram } from "./run-program";

exitOnClosedPipe();
void runProgram(process.argv.slice(2), process.env.S3_SERVER, {
  print: (line) => void process.stdout.write(`${line}\n`),
  warn: (line) => void process.stderr.write(`${line}\n`),
});
