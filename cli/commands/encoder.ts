import type { Command } from "commander";
import { addLocalCommand } from "@/cli/lib/local-program";

/** `encoder fetch`. */
export function addEncoderCommands(program: Command): void {
  const encoder = program.command("encoder").description("encoders on this machine");
  addLocalCommand(
    encoder,
    "fetch",
    "fetch an encoder: a preset's name, or owner/name of a repository with an ONNX export",
  );
}
