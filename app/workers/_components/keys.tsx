"use client";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { KeyRound } from "lucide-react";
import { useState } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { formatDateTime } from "@/app/_lib/format/format";
import { useTRPC } from "@/app/_lib/live/trpc";
import { Button } from "@/app/_ui/button";
import { ConfirmDialog } from "@/app/_ui/confirm-dialog";
import { Dialog } from "@/app/_ui/dialog";
import { Input } from "@/app/_ui/field";
import { QueryErrorState } from "@/app/_ui/states";
import { useNotify } from "@/app/_ui/toast";

/** API keys of model endpoints: stored, replaced and deleted here. Runs name them; no page shows them. */
export function Keys() {
  const t = useText();
  const trpc = useTRPC();
  const queryClient = useQueryClient();
  const notify = useNotify();
  const keys = useQuery(trpc.keys.list.queryOptions());
  const [adding, setAdding] = useState(false);
  const [deleting, setDeleting] = useState<string | null>(null);
  const remove = useMutation(
    trpc.keys.remove.mutationOptions({
      onSuccess: () => {
        notify("good", t("Deleted: runs that name it can no longer ask their endpoint"));
        void queryClient.invalidateQueries(trpc.keys.pathFilter());
      },
      onError: (error) => notify("bad", error.message),
      onSettled: () => setDeleting(null),
    }),
  );
  return (
    <section className="mt-6" aria-label={t("API keys")}>
      <div className="mb-2 flex items-center justify-between gap-4">
        <h2 className="text-xs font-semibold text-muted-foreground">
          {t("API keys of model endpoints")}
        </h2>
        <Button size="sm" onClick={() => setAdding(true)}>
          <KeyRound /> {t("Add a key")}
        </Button>
      </div>
      {keys.isError ? (
        <QueryErrorState title={t("The keys could not be read")} query={keys} />
      ) : (
        <ul className="rounded-lg border bg-card">
          {keys.data?.length === 0 ? (
            <li className="px-4 py-2.5 text-xs text-muted-foreground">
              {t("None is stored. A hosted model needs one; a run names it under Connection, Key.")}
            </li>
          ) : null}
          {keys.data?.map((key) => (
            <li
              key={key.name}
              className="flex min-h-11 flex-wrap items-center gap-x-4 gap-y-1 border-b px-4 py-1.5 last:border-0"
              data-key={key.name}
            >
              <span className="font-medium">{key.name}</span>
              <span className="font-mono text-xs break-all">{key.origin}</span>
              <span className="text-xs text-muted-foreground">
                {key.lastUsedAt
                  ? t("stored {at} by {by}, last used {used}", {
                      at: formatDateTime(t, key.updatedAt),
                      by: key.createdBy,
                      used: formatDateTime(t, key.lastUsedAt),
                    })
                  : t("stored {at} by {by}, never used", {
                      at: formatDateTime(t, key.updatedAt),
                      by: key.createdBy,
                    })}
              </span>
              <Button
                size="sm"
                variant="danger"
                className="ml-auto"
                onClick={() => setDeleting(key.name)}
              >
                {t("Delete")}
              </Button>
            </li>
          ))}
        </ul>
      )}
      <Dialog
        open={adding}
        onOpenChange={setAdding}
        title={t("Add an API key")}
        description={t(
          "Stored encrypted on this server, and given only to a worker that runs a run which names it, for this server address. A key of the same name is replaced.",
        )}
      >
        <KeyForm onDone={() => setAdding(false)} />
      </Dialog>
      <ConfirmDialog
        open={deleting !== null}
        onClose={() => setDeleting(null)}
        title={t("Delete “{name}”?", { name: deleting ?? "" })}
        description={t(
          "Runs that name it stop at the next request that their worker makes after a restart, with the reason; what they stored stays.",
        )}
        confirmLabel={t("Delete")}
        pending={remove.isPending}
        onConfirm={() => deleting !== null && remove.mutate({ name: deleting })}
      />
    </section>
  );
}

function KeyForm({ onDone }: { onDone: () => void }) {
  const t = useText();
  const trpc = useTRPC();
  const queryClient = useQueryClient();
  const notify = useNotify();
  const [form, setForm] = useState({ name: "", origin: "", key: "" });
  const put = useMutation(
    trpc.keys.put.mutationOptions({
      onSuccess: () => {
        notify("good", t("Stored"));
        void queryClient.invalidateQueries(trpc.keys.pathFilter());
        onDone();
      },
    }),
  );
  const fields = [
    { id: "name", title: t("Name"), type: "text", placeholder: "hosted" },
    {
      id: "origin",
      title: t("Address of the server"),
      type: "url",
      placeholder: "https://api.example.com/v1",
    },
    { id: "key", title: t("Key"), type: "password", placeholder: "" },
  ] as const;
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        put.mutate(form);
      }}
    >
      {fields.map(({ id, title, type, placeholder }) => (
        <div key={id} className="mt-3 first:mt-0">
          <label htmlFor={`key-${id}`} className="font-medium">
            {title}
          </label>
          <Input
            id={`key-${id}`}
            className="mt-1"
            type={type}
            placeholder={placeholder}
            autoComplete="off"
            required
            value={form[id]}
            onChange={(event) => setForm({ ...form, [id]: event.target.value })}
          />
        </div>
      ))}
      {put.isError ? (
        <p role="alert" className="mt-2 text-xs text-bad">
          {t.message(put.error.message)}
        </p>
      ) : null}
      <div className="mt-4 flex justify-end gap-2">
        <Button type="button" onClick={onDone}>
          {t("Cancel")}
        </Button>
        <Button type="submit" variant="primary" disabled={put.isPending}>
          {t("Store")}
        </Button>
      </div>
    </form>
  );
}
