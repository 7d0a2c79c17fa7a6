/** Loaded before the command: nothing waits for the disk any more. What a rig must notice. */
const fs = require('node:fs');
const Database = require('better-sqlite3');

fs.fsyncSync = () => undefined;
fs.fdatasyncSync = () => undefined;
const { exec } = Database.prototype;
Database.prototype.exec = function run(sql) {
  return exec.call(this, sql.replace(/synchronous = (EXTRA|FULL)/g, 'synchronous = OFF'));
};
