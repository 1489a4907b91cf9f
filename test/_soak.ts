/**
 * A program that runs a whole task many times in one process, for a test that lets it have few files open. It takes an
 * output folder and the number of runs, and prints what is there after each as lines of JSON.
 */
import { fromFileUrl } from "@std/path";
import { runMain } from "../tasks/_kit/main.ts";
import { main } from "../tasks/baseline.ts";
import { CapturedContext } from "./_context.ts";
import { LiveMemory } from "./_live_memory.ts";

/** How many more files this process may open; counting those that are open takes all permissions. */
function filesLeft(): number {
  const files: Deno.FsFile[] = [];
  try {
    while (true) files.push(Deno.openSync(fromFileUrl(import.meta.url)));
  } catch {
    return files.length;
  } finally {
    for (const file of files) file.close();
  }
}

const [out, runs] = Deno.args;
const memory = new LiveMemory(GPUDevice.prototype);
const args =
  "--quick --data synthetic --hidden 6 --batch-norm on --half-cycle 2 --batch 500 --force";
for (let run = 1; run <= Number(runs); run++) {
  const context = new CapturedContext();
  const status = await runMain(main, { args: [...args.split(" "), "--out", out], context });
  if (status !== 0) throw new Error(context.errors);
  const { made, live } = memory;
  console.log(JSON.stringify({ made, live, filesLeft: filesLeft() }));
}
