import type { Command } from "commander";
import { fetchEncoder } from "@/gpu-workers/retrieval/encoders/fetch-encoder";
import { createDownloadPrinter, print } from "./terminal";

/** `encoder fetch`: brings an encoder to this machine. */
export function addEncoderCommands(program: Command): void {
  program
    .command("encoder")
    .description("encoders on this machine")
    .command("fetch <name>")
    .description(
      "fetch an encoder: a preset's name, or owner/name of a repository with an ONNX export",
    )
    .option("--hub <url>", "another hub of the same layout")
    .action(async (name: string, options: { hub?: string }) => {
      const { directory, sha256 } = await fetchEncoder(name, {
        hub: options.hub?.replace(/\/$/, ""),
        onProgress: createDownloadPrinter(),
      });
      print(`${name} is in ${directory}`);
      for (const [file, sum] of Object.entries(sha256)) print(`${sum}  ${file}`);
    });
}
