"""Apache Kafka from Maven Central: one broker that is its own controller (KRaft), open to this machine only."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import uuid
from base64 import urlsafe_b64encode
from pathlib import Path

from scripts.services.process import CACHE, ServiceError, alone, apt_install, end, pid_in, port_of, tail, wait_until

HERE = Path(__file__).parent / "kafka"
OPTIONS = ("-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "-Djava.awt.headless=true")


def version() -> str:
    """The one the project file pins."""
    found = re.search(r"kafka_2\.13</artifactId>\s*<version>([^<]+)<", (HERE / "pom.xml").read_text())
    assert found
    return found[1]


def jars() -> Path:
    """Where its programs are kept once downloaded."""
    return CACHE / f"kafka-{version()}"


def install() -> None:
    """Java and Maven from Debian where they are missing, then the broker's jars, once."""
    with alone(CACHE / "lock"):
        missing = [
            package
            for command, package in (("java", "default-jre-headless"), ("mvn", "maven"))
            if shutil.which(command) is None and not (command == "mvn" and jars().exists())
        ]
        if missing:
            apt_install(*missing)
        if jars().exists():
            return
        unfinished = CACHE / "kafka-unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        done = subprocess.run(
            [
                "mvn",
                "-q",
                "-B",
                "-f",
                HERE / "pom.xml",
                "dependency:copy-dependencies",
                f"-DoutputDirectory={unfinished}",
            ],
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
        )
        if done.returncode != 0:
            raise ServiceError(
                "Maven could not get Apache Kafka; see above. It needs a way to Maven Central or a mirror"
            )
        unfinished.rename(jars())


class Kafka:
    """One broker below `directory`. Every method may be called again, and from another process."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory.absolute() / "kafka"
        self.data = self.directory / "data"
        self.log = self.directory / "log"
        self.properties = self.directory / "server.properties"

    @property
    def port(self) -> int:
        return port_of(self.directory / "port")

    def bootstrap(self) -> str:
        return f"127.0.0.1:{self.port}"

    def pid(self) -> int | None:
        return pid_in(self.directory / "pid", str(self.properties))

    def answers(self) -> bool:
        """Whether the broker runs and serves."""
        return self.pid() is not None and self._serves()

    def _serves(self) -> bool:
        """Whether it names itself among the brokers of its cluster, as it does once it takes records."""
        # Metadata request, version 1, of all topics: api key, version, correlation id, no client id, null list
        request = struct.pack(">hhihi", 3, 1, 1, -1, -1)
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                connection.sendall(struct.pack(">i", len(request)) + request)
                with connection.makefile("rb") as reply:
                    _size, _correlation, brokers = struct.unpack(">iii", reply.read(12))
        except (OSError, struct.error):
            return False
        return bool(brokers >= 1)

    def start(self) -> str:
        """Starts what does not run, waits until it serves, and gives its address."""
        self.directory.mkdir(parents=True, exist_ok=True)
        with alone(self.directory / "lock"):
            if self.pid() is None:
                self._configure()
                process = self._launch()
                # by its own word: a program that has only just been started has no command line yet
                wait_until(lambda: process.poll() is not None or self._serves(), "Kafka serves")
                if process.poll() is not None:
                    raise ServiceError(f"Kafka ended at once; {self.log} ends:\n{tail(self.log)}")
                # it outlives whoever started it: what becomes of it is not for Popen to wait for
                process.returncode = 0
            wait_until(self.answers, "Kafka serves")
        return self.bootstrap()

    def stop(self, sign: signal.Signals = signal.SIGTERM) -> None:
        """Ends it, in order unless `sign` is SIGKILL."""
        pid = self.pid()
        if pid is not None:
            end(pid, str(self.properties), sign)

    def kill(self) -> None:
        """As a crash would."""
        self.stop(signal.SIGKILL)

    def _configure(self) -> None:
        controller = port_of(self.directory / "controller-port")
        text = (HERE / "server.properties").read_text()
        for name, value in {"PORT": self.port, "CONTROLLER_PORT": controller, "DATA": self.data}.items():
            text = text.replace(f"@{name}@", str(value))
        self.properties.write_text(text)
        if not (self.data / "meta.properties").exists():
            # Kafka's way to write one; it must not begin with a minus
            cluster = "W" + urlsafe_b64encode(uuid.uuid4().bytes).decode()[1:22]
            done = subprocess.run(
                [*self._java(), "kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(self.properties)],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
            )
            if done.returncode != 0:
                raise ServiceError(f"Kafka's storage could not be made: {done.stdout}{done.stderr}")

    def _launch(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [*self._java(), "kafka.Kafka", str(self.properties)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.directory,
                start_new_session=True,
            )
        (self.directory / "pid").write_text(f"{process.pid}\n")
        return process

    def _java(self) -> list[str]:
        java = shutil.which("java")
        if java is None or not jars().exists():
            raise ServiceError("Kafka is not installed here: python3 -m scripts.services install kafka")
        return [java, *OPTIONS, f"-Dlog4j.configuration=file:{HERE / 'log4j.properties'}", "-cp", f"{jars()}{os.sep}*"]
