// Reads the environment, serves, and ends in order when asked to.

import { drain, serverFor } from "./server.js";
import { settingsFrom } from "./settings.js";
import { Urls } from "./urls.js";

const log = (line) => console.log(JSON.stringify({ time: new Date().toISOString(), ...line }));

let settings;
try {
  settings = settingsFrom(process.env);
} catch (error) {
  console.error(error.message);
  process.exit(1);
}

const urls = new Urls(settings);
const server = serverFor(urls, settings, log);
server.on("error", (error) => {
  console.error(error.message);
  process.exit(1);
});
server.listen(settings.port, () => log({ event: "listening", port: server.address().port, bucket: settings.bucket }));

for (const signal of ["SIGTERM", "SIGINT"]) {
  process.once(signal, async () => {
    log({ event: "stopping", signal });
    await drain(server, settings.graceSeconds);
    urls.close();
  });
}
