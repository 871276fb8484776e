"use client";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { useTRPC } from "@/app/_lib/live/trpc";
import { Button } from "@/app/_ui/button";
import { CopyButton } from "@/app/_ui/copy-button";
import { Dialog } from "@/app/_ui/dialog";
import { Input } from "@/app/_ui/field";
import { ErrorState } from "@/app/_ui/states";
import { isLoopbackUrl } from "@/contracts/formats/loopback";

type AttachDialogProps = { open: boolean; onOpenChange: (open: boolean) => void };

/** Makes a token and shows the command once. */
export function AttachDialog({ open, onOpenChange }: AttachDialogProps) {
  const t = useText();
  return (
    <Dialog
      open={open}
      onOpenChange={onOpenChange}
      className="max-w-xl"
      title={t("Attach a worker")}
      description={t(
        "Another machine runs its own agent and connects outward to this server. It needs a clone of the repository and a way to this address.",
      )}
    >
      <AttachForm onDone={() => onOpenChange(false)} />
    </Dialog>
  );
}

function AttachForm({ onDone }: { onDone: () => void }) {
  const t = useText();
  const trpc = useTRPC();
  const queryClient = useQueryClient();
  const [name, setName] = useState("gpu-box");
  const [address, setAddress] = useState(() => window.location.origin);
  const create = useMutation(
    trpc.workers.createToken.mutationOptions({
      onSuccess: () => void queryClient.invalidateQueries(trpc.workers.tokens.pathFilter()),
    }),
  );
  if (create.data)
    return (
      <>
        <p>{t("In the clone, on the other machine:")}</p>
        <pre
          className="mt-2 overflow-x-auto rounded-md border bg-muted px-3 py-2.5 font-mono text-xs break-all whitespace-pre-wrap"
          data-testid="attach-command"
        >
          {create.data.command}
        </pre>
        <div className="mt-3 flex gap-2">
          <CopyButton variant="primary" text={create.data.command} label={t("Copy the command")} />
          <Button onClick={onDone}>{t("Done")}</Button>
        </div>
        <p className="mt-3 text-xs text-muted-foreground">
          {t(
            "The token is shown only now; the server keeps nothing but its hash. Revoke it below the workers when it is no longer needed.",
          )}
        </p>
      </>
    );
  return (
    <form
      onSubmit={(e) => {
        e.preventDefault();
        create.mutate({ name, serverUrl: address });
      }}
    >
      <label htmlFor="token-name" className="font-medium">
        {t("Name of the token")}
      </label>
      <Input
        id="token-name"
        className="mt-1"
        value={name}
        onChange={(e) => setName(e.target.value)}
        maxLength={120}
      />
      <label htmlFor="server-address" className="mt-3 block font-medium">
        {t("Address of this server, as that machine reaches it")}
      </label>
      <Input
        id="server-address"
        className="mt-1 font-mono text-xs"
        value={address}
        onChange={(e) => setAddress(e.target.value)}
      />
      {isLoopbackUrl(address) ? (
        <p className="mt-1.5 text-xs text-muted-foreground">
          {t(
            "A loopback address is reached only from this machine, or from another through a tunnel: ssh -R PORT:127.0.0.1:PORT user@machine.",
          )}
        </p>
      ) : null}
      <ErrorState className="mt-3" title={t("No token was made")} error={create.error} />
      <Button type="submit" variant="primary" className="mt-4" disabled={create.isPending}>
        {t("Make the command")}
      </Button>
    </form>
  );
}
