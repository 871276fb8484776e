"use client";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { formatDateTime } from "@/app/_lib/format";
import { useTRPC } from "@/app/_lib/trpc";
import { Badge } from "@/app/_ui/badge";
import { Button } from "@/app/_ui/button";
import { ConfirmDialog } from "@/app/_ui/confirm-dialog";
import { useNotify } from "@/app/_ui/toast";

/** Tokens by which workers attach; revoking one cuts off those that use it. */
export function Tokens() {
  const trpc = useTRPC();
  const queryClient = useQueryClient();
  const notify = useNotify();
  const tokens = useQuery(trpc.workers.tokens.queryOptions());
  const [revoking, setRevoking] = useState<{ id: string; name: string } | null>(null);
  const revoke = useMutation(
    trpc.workers.revokeToken.mutationOptions({
      onSuccess: () => {
        notify("good", "Revoked: workers that used it are cut off");
        void queryClient.invalidateQueries(trpc.workers.pathFilter());
      },
      onError: (error) => notify("bad", error.message),
      onSettled: () => setRevoking(null),
    }),
  );
  if (!tokens.data || tokens.data.length === 0) return null;
  return (
    <section className="mt-6" aria-label="Tokens">
      <h2 className="mb-2 text-xs font-semibold text-muted-foreground">Tokens</h2>
      <ul className="rounded-lg border bg-card">
        {tokens.data.map((t) => (
          <li
            key={t.id}
            className="flex min-h-11 flex-wrap items-center gap-x-4 gap-y-1 border-b px-4 py-1.5 last:border-0"
            data-token={t.id}
          >
            <span className="font-medium">{t.name}</span>
            <span className="text-xs text-muted-foreground">
              made {formatDateTime(t.createdAt)} by {t.createdBy},{" "}
              {t.lastUsedAt ? `last used ${formatDateTime(t.lastUsedAt)}` : "never used"}
            </span>
            {t.revokedAt ? (
              <Badge className="ml-auto">revoked</Badge>
            ) : (
              <Button
                size="sm"
                variant="danger"
                className="ml-auto"
                onClick={() => setRevoking({ id: t.id, name: t.name })}
              >
                Revoke
              </Button>
            )}
          </li>
        ))}
      </ul>
      <ConfirmDialog
        open={revoking !== null}
        onClose={() => setRevoking(null)}
        title={`Revoke “${revoking?.name ?? ""}”?`}
        description="Workers that attached with it are cut off at once; their runs go back to the queue and resume from their last checkpoints."
        confirmLabel="Revoke"
        pending={revoke.isPending}
        onConfirm={() => revoking && revoke.mutate({ id: revoking.id })}
      />
    </section>
  );
}
