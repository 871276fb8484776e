import { Command } from "commander";
import { addAddressCommand } from "./commands/address";
import { addCheckpointCommands } from "./commands/checkpoint";
import { addCorpusCommands } from "./commands/corpus";
import { addEncoderCommands } from "./commands/encoder";
import { addIndexCommands } from "./commands/indexes";
import { addModelCommands } from "./commands/model";
import { addMemoryCommand } from "./commands/memory";
import { addMirrorCommands } from "./commands/mirror";
import { addPoolCommands } from "./commands/pools";
import { addPredictionCommands } from "./commands/predictions";
import { addQuestionCommands } from "./commands/questions";
import { addRunFileCommands } from "./commands/run-files";
import { addRunCommands } from "./commands/runs";
import { addSweepCommands } from "./commands/sweep";
import { addUpstreamCommands } from "./commands/upstream";
import { addWorkerCommands } from "./commands/workers";
import type { CommandContext } from "./lib/context";

/** The whole command line; docs/reference/cli.md is made from it. */
export function createProgram(context: CommandContext): Command {
  const program = new Command("s3")
    .description(
      "Launches and follows runs from the command line. The server is the one that `npm start` runs here, or at S3_SERVER: from another machine the address that it printed, with its secret (or S3_TOKEN holds that).",
    )
    .showHelpAfterError()
    .configureHelp({ showGlobalOptions: true });
  addRunCommands(program, context);
  addMemoryCommand(program, context);
  addRunFileCommands(program, context);
  addWorkerCommands(program, context);
  addPoolCommands(program, context);
  addMirrorCommands(program, context);
  addPredictionCommands(program, context);
  addQuestionCommands(program, context);
  addUpstreamCommands(program, context);
  addSweepCommands(program, context);
  addEncoderCommands(program);
  addIndexCommands(program, context);
  addModelCommands(program);
  addCheckpointCommands(program, context);
  addCorpusCommands(program, context);
  addAddressCommand(program, context);
  return program;
}
