/** Loaded before the command: nothing waits for the disk any more. What a rig must notice. */
const fs = require('node:fs');
// The binary part, which every copy of better-sqlite3 shares: the command's scripts have one of their own.
const { Database } = require('better-sqlite3/build/Release/better_sqlite3.node');

fs.fsyncSync = () => undefined;
fs.fdatasyncSync = () => undefined;
const { exec } = Database.prototype;
Database.prototype.exec = function run(sql) {
  return exec.call(this, sql.replace(/synchronous = (EXTRA|FULL)/g, 'synchronous = OFF'));
};
