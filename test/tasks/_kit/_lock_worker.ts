/** A thread that holds a folder and lets it go 200 times, and says how often another had it, or what else went wrong. */
import { holdFolder } from "../../../tasks/_kit/lock.ts";
import { BusyError } from "../../../tasks/_kit/main.ts";
import { CapturedContext } from "../../_context.ts";

const THREAD = self as unknown as {
  onmessage: (event: MessageEvent<string>) => void;
  postMessage(answer: string): void;
};

THREAD.onmessage = async ({ data: folder }) => {
  let busy = 0;
  try {
    for (let i = 0; i < 200; i++) {
      try {
        const held = await holdFolder(folder, new CapturedContext());
        await held.release();
      } catch (error) {
        if (!(error instanceof BusyError)) throw error;
        busy++;
      }
    }
    THREAD.postMessage(`${busy} busy`);
  } catch (error) {
    THREAD.postMessage(String(error));
  }
};
