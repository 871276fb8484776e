import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { useState } from "react";
import { describe, expect, it } from "vitest";
import { renderPage } from "@/app/_testing/render-page";
import { AttachDialog } from "@/app/workers/_components/attach-dialog";
import { Keys } from "@/app/workers/_components/keys";
import { Button } from "./button";
import { Dialog } from "./dialog";

function Opener() {
  const [open, setOpen] = useState(false);
  return (
    <>
      <Button onClick={() => setOpen(true)}>Open it</Button>
      <Dialog open={open} onOpenChange={setOpen} title="A title" description="What it is about.">
        <label htmlFor="first">First</label>
        <input id="first" />
      </Dialog>
    </>
  );
}

describe("a dialog", () => {
  it("is named and described, takes the focus, and gives it back when Escape closes it", async () => {
    const user = userEvent.setup({ delay: null });
    renderPage(<Opener />);
    const opener = screen.getByRole("button", { name: "Open it" });
    await user.click(opener);
    const dialog = screen.getByRole("dialog", { name: "A title" });
    expect(document.getElementById(dialog.getAttribute("aria-describedby")!)?.textContent).toBe(
      "What it is about.",
    );
    expect(document.activeElement).toBe(screen.getByLabelText("First"));
    await user.keyboard("{Escape}");
    expect(screen.queryByRole("dialog")).toBeNull();
    await waitFor(() => expect(document.activeElement).toBe(opener));
  });

  it("keeps the tab key within it, and has a button that closes it", async () => {
    const user = userEvent.setup({ delay: null });
    renderPage(<Opener />);
    await user.click(screen.getByRole("button", { name: "Open it" }));
    await user.tab();
    expect(document.activeElement).toBe(screen.getByRole("button", { name: "Close" }));
    await user.tab();
    expect(document.activeElement).toBe(screen.getByLabelText("First"));
    await user.click(screen.getByRole("button", { name: "Close" }));
    expect(screen.queryByRole("dialog")).toBeNull();
  });
});

describe("the API keys", () => {
  const key = {
    name: "hosted",
    origin: "https://api.example.com",
    createdBy: "local user",
    updatedAt: new Date(0),
    lastUsedAt: null,
  };

  it("asks before a key is deleted; nothing happens where one keeps it", async () => {
    const user = userEvent.setup({ delay: null });
    const removed: string[] = [];
    renderPage(<Keys />, {
      "keys.list": () => [key] as never,
      "keys.remove": ({ name }) => removed.push(name) as never,
    });
    await user.click(await screen.findByRole("button", { name: "Delete" }));
    let dialog = within(screen.getByRole("dialog", { name: "Delete “hosted”?" }));
    await user.click(dialog.getByRole("button", { name: "Keep it" }));
    expect(removed).toEqual([]);
    await user.click(screen.getByRole("button", { name: "Delete" }));
    dialog = within(screen.getByRole("dialog"));
    await user.click(dialog.getByRole("button", { name: "Delete" }));
    expect(await screen.findByText(/^Deleted: /)).toBeTruthy();
    expect(removed).toEqual(["hosted"]);
  });

  it("stores a key, and shows the server's reason where it is refused", async () => {
    const user = userEvent.setup({ delay: null });
    const stored: unknown[] = [];
    renderPage(<Keys />, {
      "keys.list": () => [],
      "keys.put": (input) => {
        if (input.key === "bad") throw new Error("the key has a space");
        return stored.push(input) as never;
      },
    });
    await user.click(screen.getByRole("button", { name: "Add a key" }));
    const dialog = within(screen.getByRole("dialog", { name: "Add an API key" }));
    await user.type(dialog.getByLabelText("Name"), "hosted");
    await user.type(dialog.getByLabelText("Address of the server"), "https://api.example.com/v1");
    await user.type(dialog.getByLabelText("Key"), "bad");
    await user.click(dialog.getByRole("button", { name: "Store" }));
    expect((await dialog.findByRole("alert")).textContent).toBe("the key has a space");
    await user.clear(dialog.getByLabelText("Key"));
    await user.type(dialog.getByLabelText("Key"), "secret");
    await user.click(dialog.getByRole("button", { name: "Store" }));
    await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
    expect(stored).toEqual([
      { name: "hosted", origin: "https://api.example.com/v1", key: "secret" },
    ]);
  });
});

it("attaching a worker shows the command once a token is made, and warns of a loopback address", async () => {
  const user = userEvent.setup({ delay: null });
  renderPage(<AttachDialog open onOpenChange={() => undefined} />, {
    "workers.createToken": ({ name, serverUrl }) =>
      ({ command: `npm run worker -- --server ${serverUrl} # ${name}` }) as never,
  });
  expect(screen.getByText(/A loopback address is reached only from this machine/)).toBeTruthy();
  const address = screen.getByLabelText("Address of this server, as that machine reaches it");
  await user.clear(address);
  await user.type(address, "http://10.0.0.1:3000");
  expect(screen.queryByText(/A loopback address/)).toBeNull();
  await user.click(screen.getByRole("button", { name: "Make the command" }));
  expect((await screen.findByTestId("attach-command")).textContent).toBe(
    "npm run worker -- --server http://10.0.0.1:3000 # gpu-box",
  );
});
