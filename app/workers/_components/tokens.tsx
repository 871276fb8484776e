"use client";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { formatDateTime } from "@/app/_lib/format/format";
import { useTRPC } from "@/app/_lib/live/trpc";
import { Badge } from "@/app/_ui/badge";
import { Button } from "@/app/_ui/button";
import { ConfirmDialog } from "@/app/_ui/confirm-dialog";
import { useNotify } from "@/app/_ui/toast";

/** Tokens by which workers attach; revoking one cuts off those that use it. */
export function Tokens() {
  const t = useText();
  const trpc = useTRPC();
  const queryClient = useQueryClient();
  const notify = useNotify();
  const tokens = useQuery(trpc.workers.tokens.queryOptions());
  const [revoking, setRevoking] = useState<{ id: string; name: string } | null>(null);
  const revoke = useMutation(
    trpc.workers.revokeToken.mutationOptions({
      onSuccess: () => {
        notify("good", t("Revoked: workers that used it are cut off"));
        void queryClient.invalidateQueries(trpc.workers.pathFilter());
      },
      onError: (error) => notify("bad", error.message),
      onSettled: () => setRevoking(null),
    }),
  );
  if (!tokens.data || tokens.data.length === 0) return null;
  return (
    <section className="mt-6" aria-label={t("Tokens")}>
      <h2 className="mb-2 text-xs font-semibold text-muted-foreground">{t("Tokens")}</h2>
      <ul className="rounded-lg border bg-card">
        {tokens.data.map((token) => (
          <li
            key={token.id}
            className="flex min-h-11 flex-wrap items-center gap-x-4 gap-y-1 border-b px-4 py-1.5 last:border-0"
            data-token={token.id}
          >
            <span className="font-medium">{token.name}</span>
            <span className="text-xs text-muted-foreground">
              {token.lastUsedAt
                ? t("made {at} by {by}, last used {used}", {
                    at: formatDateTime(t, token.createdAt),
                    by: token.createdBy,
                    used: formatDateTime(t, token.lastUsedAt),
                  })
                : t("made {at} by {by}, never used", {
                    at: formatDateTime(t, token.createdAt),
                    by: token.createdBy,
                  })}
            </span>
            {token.revokedAt ? (
              <Badge className="ml-auto">{t("revoked")}</Badge>
            ) : (
              <Button
                size="sm"
                variant="danger"
                className="ml-auto"
                onClick={() => setRevoking({ id: token.id, name: token.name })}
              >
                {t("Revoke")}
              </Button>
            )}
          </li>
        ))}
      </ul>
      <ConfirmDialog
        open={revoking !== null}
        onClose={() => setRevoking(null)}
        title={t("Revoke “{name}”?", { name: revoking?.name ?? "" })}
        description={t(
          "Workers that attached with it are cut off at once; their runs go back to the queue and resume from their last checkpoints.",
        )}
        confirmLabel={t("Revoke")}
        pending={revoke.isPending}
        onConfirm={() => revoking && revoke.mutate({ id: revoking.id })}
      />
    </section>
  );
}
