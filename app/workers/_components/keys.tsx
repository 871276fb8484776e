"use client";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { KeyRound } from "lucide-react";
import { useState } from "react";
import { formatDateTime } from "@/app/_lib/format";
import { useTRPC } from "@/app/_lib/trpc";
import { Button } from "@/app/_ui/button";
import { ConfirmDialog } from "@/app/_ui/confirm-dialog";
import { Dialog } from "@/app/_ui/dialog";
import { Input } from "@/app/_ui/field";
import { QueryErrorState } from "@/app/_ui/states";
import { useNotify } from "@/app/_ui/toast";

/** API keys of model endpoints: stored, replaced and deleted here. Runs name them; no page shows them. */
export function Keys() {
  const trpc = useTRPC();
  const queryClient = useQueryClient();
  const notify = useNotify();
  const keys = useQuery(trpc.keys.list.queryOptions());
  const [adding, setAdding] = useState(false);
  const [deleting, setDeleting] = useState<string | null>(null);
  const remove = useMutation(
    trpc.keys.remove.mutationOptions({
      onSuccess: () => {
        notify("good", "Deleted: runs that name it can no longer ask their endpoint");
        void queryClient.invalidateQueries(trpc.keys.pathFilter());
      },
      onError: (error) => notify("bad", error.message),
      onSettled: () => setDeleting(null),
    }),
  );
  return (
    <section className="mt-6" aria-label="API keys">
      <div className="mb-2 flex items-center justify-between gap-4">
        <h2 className="text-xs font-semibold text-muted-foreground">API keys of model endpoints</h2>
        <Button size="sm" onClick={() => setAdding(true)}>
          <KeyRound /> Add a key
        </Button>
      </div>
      {keys.isError ? (
        <QueryErrorState title="The keys could not be read" query={keys} />
      ) : (
        <ul className="rounded-lg border bg-card">
          {keys.data?.length === 0 ? (
            <li className="px-4 py-2.5 text-xs text-muted-foreground">
              None is stored. A hosted model needs one; a run names it under Connection, Key.
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
                stored {formatDateTime(key.updatedAt)} by {key.createdBy},{" "}
                {key.lastUsedAt ? `last used ${formatDateTime(key.lastUsedAt)}` : "never used"}
              </span>
              <Button
                size="sm"
                variant="danger"
                className="ml-auto"
                onClick={() => setDeleting(key.name)}
              >
                Delete
              </Button>
            </li>
          ))}
        </ul>
      )}
      <Dialog
        open={adding}
        onOpenChange={setAdding}
        title="Add an API key"
        description="Stored encrypted on this server, and given only to a worker that runs a run which names it, for this server address. A key of the same name is replaced."
      >
        <KeyForm onDone={() => setAdding(false)} />
      </Dialog>
      <ConfirmDialog
        open={deleting !== null}
        onClose={() => setDeleting(null)}
        title={`Delete “${deleting ?? ""}”?`}
        description="Runs that name it stop at the next request that their worker makes after a restart, with the reason; what they stored stays."
        confirmLabel="Delete"
        pending={remove.isPending}
        onConfirm={() => deleting !== null && remove.mutate({ name: deleting })}
      />
    </section>
  );
}

function KeyForm({ onDone }: { onDone: () => void }) {
  const trpc = useTRPC();
  const queryClient = useQueryClient();
  const notify = useNotify();
  const [form, setForm] = useState({ name: "", origin: "", key: "" });
  const put = useMutation(
    trpc.keys.put.mutationOptions({
      onSuccess: () => {
        notify("good", "Stored");
        void queryClient.invalidateQueries(trpc.keys.pathFilter());
        onDone();
      },
    }),
  );
  const fields = [
    { id: "name", title: "Name", type: "text", placeholder: "hosted" },
    {
      id: "origin",
      title: "Address of the server",
      type: "url",
      placeholder: "https://api.example.com/v1",
    },
    { id: "key", title: "Key", type: "password", placeholder: "" },
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
          {put.error.message}
        </p>
      ) : null}
      <div className="mt-4 flex justify-end gap-2">
        <Button type="button" onClick={onDone}>
          Cancel
        </Button>
        <Button type="submit" variant="primary" disabled={put.isPending}>
          Store
        </Button>
      </div>
    </form>
  );
}
