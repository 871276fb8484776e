import type { Command } from "commander";
import { AppError } from "@/contracts/errors";
import type { CommandContext } from "@/cli/lib/context";
import { addAccessSecret } from "@/lib/access.mjs";

/** `address`. */
export function addAddressCommand(
  program: Command,
  { server, secret, print }: CommandContext,
): void {
  program
    .command("address")
    .description(
      "print the page's address with the secret that lets a browser in; keep it to yourself",
    )
    .action(() => {
      if (secret === null)
        throw new AppError(
          "not-found",
          "There is no secret in the data folder (S3_DATA_DIR): `npm start` makes it, on the machine of the server.",
        );
      print(addAccessSecret(server, secret));
    });
}
