import { act, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { Suspense } from "react";
import { expect, it } from "vitest";
import { TextProvider } from "@/app/_i18n/text-provider";
import { renderPage } from "@/app/_testing/render-page";
import { MirrorDialog } from "./mirror-dialog";

// Loaded before anything is drawn, as a test waits a second at most.
await Promise.all([import("@/core/texts/chinese"), import("@/app/_ui/dialog-panel")]);

it("says what is wrong with an entry in the language of the page, by the label of its field", async () => {
  const user = userEvent.setup({ delay: null });
  await act(async () => {
    renderPage(
      <Suspense fallback="loading">
        <TextProvider language="zh">
          <MirrorDialog onClose={() => undefined} />
        </TextProvider>
      </Suspense>,
    );
    await Promise.resolve();
  });
  await user.type(await screen.findByLabelText("实验"), "/");
  await user.click(screen.getByRole("button", { name: "添加" }));
  const alert = screen.getByRole("alert").textContent;
  expect(alert).toContain("名称: 不能为空");
  expect(alert).toContain("地址: 请填写以 http:// 或 https:// 开头的地址");
  expect(alert).toContain("实验: 不能含斜杠或控制字符");
});
