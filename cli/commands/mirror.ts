import type { Command } from "commander";
import { parseOrThrow } from "@/contracts/errors";
import { createMirrorRequestSchema } from "@/contracts/api/mirrors";
import { chooseByPrefix } from "@/cli/lib/client";
import type { CommandContext } from "@/cli/lib/context";
import { formatTable, shortenId } from "@/cli/lib/format";
import { readSecret } from "@/cli/lib/read-secret";

interface AddOptions {
  kind: string;
  url?: string;
  experiment?: string;
  project?: string;
  user?: string;
  secretFile?: string;
  earlier?: boolean;
  json?: boolean;
}

/** `mirror add`, `mirror list`, `mirror test`, `mirror remove`. */
export function addMirrorCommands(
  program: Command,
  { client, print, printJson }: CommandContext,
): void {
  const mirror = program
    .command("mirror")
    .description("send the metrics of runs on to MLflow, TensorBoard, W&B or the run's own log");
  const find = async (given: string): Promise<string> => {
    const mirrors = await client.mirrors.list.query();
    const named = mirrors.find(({ name }) => name === given);
    if (named) return named.id;
    const ids = mirrors.map(({ id }) => id).filter((id) => id.startsWith(given.toLowerCase()));
    return chooseByPrefix(ids, given, "mirror", "mirror list");
  };

  mirror
    .command("add <name>")
    .description("add a mirror: every run that begins from now on is sent to it, too")
    .requiredOption("--kind <kind>", "mlflow, tensorboard, wandb (offline runs) or console")
    .option("--url <address>", "of MLflow's tracking server, e.g. http://127.0.0.1:5000")
    .option("--experiment <name>", "of MLflow; made where it is not there (default: s3)")
    .option("--project <name>", "of W&B (default: s3)")
    .option("--user <name>", "of MLflow; without one the secret is a token")
    .option(
      "--secret-file <file>",
      "file that holds the password or token of MLflow; -: standard input",
    )
    .option("--earlier", "also runs that are there already")
    .option("--json", "print JSON")
    .action(async (name: string, { earlier, json, secretFile, ...address }: AddOptions) => {
      const secret = secretFile === undefined ? undefined : await readSecret(secretFile);
      const request = parseOrThrow(
        createMirrorRequestSchema,
        { name, earlier, address: { ...address, ...(secret !== undefined && { secret }) } },
        "The mirror",
      );
      const { id } = await client.mirrors.create.mutate(request);
      if (json) printJson({ id });
      else print(id);
    });

  mirror
    .command("list")
    .description("list mirrors with how many runs are there")
    .option("--json", "print JSON")
    .action(async ({ json }: { json?: boolean }) => {
      const mirrors = await client.mirrors.list.query();
      if (json) return printJson(mirrors);
      if (mirrors.length === 0) return print("No mirror: metrics are here alone.");
      print(
        formatTable(
          ["id", "name", "kind", "target", "complete", "open", "failing", "error"],
          mirrors.map((row) => [
            shortenId(row.id),
            row.name,
            row.kind,
            row.target,
            row.complete,
            row.open,
            row.failing,
            row.error ?? "",
          ]),
        ),
      );
    });

  mirror
    .command("test <mirror>")
    .description("try now whether a mirror, by name or id, takes anything")
    .action(async (given: string) => {
      await client.mirrors.test.mutate({ id: await find(given) });
      print("It can be reached.");
    });

  mirror
    .command("remove <mirror>")
    .description("remove a mirror, by name or id; what it was sent stays where it is")
    .action(async (given: string) => {
      await client.mirrors.remove.mutate({ id: await find(given) });
      print("Removed.");
    });
}
