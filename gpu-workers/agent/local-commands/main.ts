import { Command } from "commander";
import { exitOnClosedPipe } from "@/lib/closed-pipe";
import { addCheckpointCommands } from "./checkpoint";
import { addCorpusCommands } from "./corpus";
import { addEncoderCommands } from "./encoder";
import { addIndexCommands } from "./indexes";
import { addModelCommands } from "./model";
import { addQuestionCommands } from "./questions";

/**
 * Commands that work on this machine's folders without the server. The command line (cli/) starts this program for
 * them with the words that it was given.
 */
exitOnClosedPipe();
const program = new Command("s3")
  .description("Commands that work on this machine's folders, without the server.")
  .showHelpAfterError();
addEncoderCommands(program);
addIndexCommands(program);
addCorpusCommands(program);
addCheckpointCommands(program);
addModelCommands(program);
addQuestionCommands(program);

program.parseAsync().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
