"""What an operator can set, and what is said when it is wrong."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from consumer.core.errors import SettingsError
from consumer.settings import SettingDoc, Settings, describe, load, render
from consumer.settings.passthrough import _OWN_SETTING

if TYPE_CHECKING:
    from pathlib import Path

WEBSITE_ID = "0d9b1c54-3b39-4d25-9c5e-5d2f6ad3e0f7"
NEEDED = {
    "SEG_KAFKA__BOOTSTRAP_SERVERS": "kafka:9092",
    "SEG_KAFKA__TOPICS": "events",
    "SEG_DELIVERY__WEBSITE_ID": WEBSITE_ID,
}


def settings(**variables: str) -> Settings:
    """Return the settings that *variables* give, besides what is needed."""
    return load(env=NEEDED | variables)


def problems(**variables: str) -> tuple[str, ...]:
    """Return what is said about *variables*, besides what is needed."""
    with pytest.raises(SettingsError) as error:
        load(env=NEEDED | variables)
    return error.value.problems


def problems_in(file: Path, **variables: str) -> tuple[str, ...]:
    """Return what is said about *file* and *variables*, besides what is needed."""
    with pytest.raises(SettingsError) as error:
        load(env=NEEDED | variables, file=file)
    return error.value.problems


@pytest.fixture(name="yaml")
def _yaml(tmp_path: Path) -> Path:
    return tmp_path / "seg.yaml"


class TestSources:
    """Where values come from."""

    def test_needed(self) -> None:
        """Three settings have no default, and each is asked for in its own sentence."""
        with pytest.raises(SettingsError) as error:
            load(env={})

        assert set(NEEDED) == {text.partition(":")[0] for text in error.value.problems}
        assert set(NEEDED) == {doc.name for doc in describe() if doc.default == "required"}

    def test_environment_of_the_process_is_not_read(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Only the given mapping counts."""
        monkeypatch.setenv("SEG_HTTP__PORT", "1")
        monkeypatch.setenv("SEG_HTTP__PROT", "1")

        assert settings().http.port == 9090
        assert Settings.model_validate(settings().model_dump()).http.port == 9090

    def test_precedence(self, yaml: Path, tmp_path: Path) -> None:
        """The environment goes before secrets, these before the file, that before defaults."""
        yaml.write_text("http: {port: 1, host: file}\ndelivery: {retry_base_s: 3}\n", "utf-8")
        (tmp_path / "SEG_HTTP__PORT").write_text("2\n", "utf-8")
        (tmp_path / "SEG_HTTP__HOST").write_text("secret\n", "utf-8")

        result = load(env=NEEDED | {"SEG_HTTP__PORT": "3"}, file=yaml, secrets_dir=tmp_path)

        assert (
            result.http.port,
            result.http.host,
            result.delivery.retry_base_s,
        ) == (3, "secret", 3.0)
        assert {
            "SEG_HTTP__PORT": "environment",
            "SEG_HTTP__HOST": "secrets",
            "SEG_DELIVERY__RETRY_BASE_S": "file",
            "SEG_DELIVERY__RETRY_MAX_S": "default",
        }.items() <= {name: entry["source"] for name, entry in render(result).items()}.items()

    def test_secrets_as_kubernetes_mounts_them(self, tmp_path: Path) -> None:
        """Links into a hidden folder are followed, and files of other names are left alone."""
        data = tmp_path / "..2026_11_23"
        data.mkdir()
        (data / "value").write_text(f"{{{WEBSITE_ID}}}\n", "utf-8")
        (tmp_path / "SEG_DELIVERY__WEBSITE_ID").symlink_to(data / "value")
        (tmp_path / "truststore.jks").write_bytes(b"\xfe\xed")
        env = {name: text for name, text in NEEDED.items() if "WEBSITE" not in name}

        result = load(env=env, secrets_dir=tmp_path)

        assert result.delivery.website_id.get_secret_value() == WEBSITE_ID

    def test_toml(self, tmp_path: Path) -> None:
        """A file whose name ends in .toml is TOML; lists and tables stay what they are."""
        file = tmp_path / "seg.toml"
        file.write_text(
            '[kafka]\ntopics = ["^a{1,2}", "b"]\nconfig = {"fetch.wait.max.ms" = 20}\n', "utf-8"
        )
        env = {name: text for name, text in NEEDED.items() if "TOPICS" not in name}

        result = load(env=env, file=file)

        assert result.kafka.topics == ("^a{1,2}", "b")
        assert result.kafka.config == {"fetch.wait.max.ms": 20}

    @pytest.mark.parametrize("content", ["", "kafka:\n", "# nothing\n"])
    def test_empty_file(self, yaml: Path, content: str) -> None:
        """A file or a section without content changes nothing."""
        yaml.write_text(content, "utf-8")

        assert settings() == load(env=NEEDED, file=yaml)

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            ("- a\n", "expected sections of settings, got list"),
            ("kafka: 3\n", "expected settings in the section kafka, got int"),
            ("http:\n  host: [hunter2\n", "expected YAML, got a syntax error in line 3"),
            ("http:\n\thost: hunter2\n", "expected YAML, got a syntax error in line 2"),
            ("http: \x00", "expected YAML, got a syntax error"),
        ],
    )
    def test_unusable_file(self, yaml: Path, content: str, said: str) -> None:
        """A file that cannot be used is named, with the place and without its content.

        Nothing is called missing or wrong: what the file says is not known.
        """
        yaml.write_text(content, "utf-8")
        with pytest.raises(SettingsError) as error:
            load(env={"SEG_HTTP__PORT": "70000", "SEG_HTTP__PROT": ""}, file=yaml)

        assert error.value.problems == (
            f"{yaml}: {said}",
            "SEG_HTTP__PROT: no such setting; did you mean SEG_HTTP__PORT?",
        )

    @pytest.mark.parametrize(
        ("content", "place"),
        [("[http]\nhost = hunter2\n", "in line 2"), ("http = {", "at its end")],
    )
    def test_unusable_toml(self, tmp_path: Path, content: str, place: str) -> None:
        """So is one of TOML."""
        file = tmp_path / "seg.toml"
        file.write_text(content, "utf-8")

        assert (f"{file}: expected TOML, got a syntax error {place}",) == problems_in(file)

    def test_missing_file_and_folder(self, yaml: Path, tmp_path: Path) -> None:
        """A file or a folder that was named must be there."""
        with pytest.raises(SettingsError) as error:
            load(env=NEEDED, file=yaml, secrets_dir=tmp_path / "none")

        assert (
            f"{yaml}: expected a readable text file, got FileNotFoundError",
            f"{tmp_path / 'none'}: expected a folder of secrets; there is none",
        ) == error.value.problems

    def test_unreadable_secret(self, tmp_path: Path) -> None:
        """A secret that is no text is named."""
        (tmp_path / "SEG_KAFKA__SASL_PASSWORD").write_bytes(b"\xff")
        with pytest.raises(SettingsError, match=r"SASL_PASSWORD: .* UnicodeDecodeError$"):
            load(env=NEEDED, secrets_dir=tmp_path)


class TestProblems:
    """What is said about wrong ones."""

    def test_all_at_once(self, yaml: Path) -> None:
        """Every wrong value has its sentence: in any section, of any source, and rules too."""
        yaml.write_text("http: {port: 70000}\nlgo: {level: info}\nlog: {level: [1]}\n", "utf-8")

        assert {
            "SEG_DELIVERY__MAX_IN_FLIGHT: expected a whole number from 1 to 10000, got 'many'",
            (
                "SEG_DELIVERY__RETRY_MAX_S: expected at least "
                "SEG_DELIVERY__RETRY_BASE_S (500), got 300"
            ),
            f"{yaml}: SEG_HTTP__PORT: expected a whole number from 0 to 65535, got 70000",
            f"{yaml}: SEG_LGO: no such setting",
            f"{yaml}: SEG_LOG__LEVEL: expected one of debug, info, warning, error, got a list",
            "SEG_TRANSLATION__V2_NAMES: expected true or false, got 'maybe'",
        } == set(
            problems_in(
                yaml,
                SEG_DELIVERY__MAX_IN_FLIGHT="many",
                SEG_DELIVERY__RETRY_BASE_S="500",
                SEG_TRANSLATION__V2_NAMES="maybe",
            )
        )

    @pytest.mark.parametrize(
        ("name", "likely"),
        [
            ("SEG_HTTP__PROT", "SEG_HTTP__PORT"),
            ("SEG_KAFKA_TOPICS", "SEG_KAFKA__TOPICS"),
            ("SEG_DELIVERY__WEBSITEID", "SEG_DELIVERY__WEBSITE_ID"),
        ],
    )
    def test_unknown_variable(self, name: str, likely: str) -> None:
        """A mistyped variable is reported with the likely one and without its value."""
        assert (f"{name}: no such setting; did you mean {likely}?",) == problems(
            **{name: "hunter2"}
        )

    @pytest.mark.parametrize(
        "name", ["SEG_KAFKA", "SEG_", "SEG_KAFKA__CONFIG__ACKS", "SEG_PORT", "SEG_NOTHING__LIKE_IT"]
    )
    def test_unknown_variable_like_none(self, name: str) -> None:
        """A variable that resembles none is reported all the same."""
        assert [name] == [problem.partition(":")[0] for problem in problems(**{name: "hunter2"})]

    def test_unknown_in_the_file(self, yaml: Path) -> None:
        """A mistyped name in the file is reported too."""
        yaml.write_text("delivery: {max_inflight: 3}\n", "utf-8")

        assert problems_in(yaml) == (
            (
                f"{yaml}: SEG_DELIVERY__MAX_INFLIGHT: no such setting; "
                "did you mean SEG_DELIVERY__MAX_IN_FLIGHT?"
            ),
        )

    def test_a_wrong_secret_names_its_folder(self, tmp_path: Path) -> None:
        """And not its value; what is not set comes from nowhere."""
        (tmp_path / "SEG_DELIVERY__WEBSITE_ID").write_text("hunter2")
        env = {"SEG_KAFKA__TOPICS": "events"}

        with pytest.raises(SettingsError) as error:
            load(env=env, secrets_dir=tmp_path)

        unset, wrong = error.value.problems
        assert unset.startswith("SEG_KAFKA__BOOTSTRAP_SERVERS: ")
        assert wrong.startswith(f"{tmp_path}: SEG_DELIVERY__WEBSITE_ID: expected a UUID")
        assert wrong.endswith(", got ***")

    @pytest.mark.parametrize("servers", ["a:1", "SSL://a:1", "sasl_ssl://a, plaintext://[::1]:1"])
    def test_brokers_as_kafka_writes_them(self, servers: str) -> None:
        """With the name of a protocol or without."""
        assert settings(SEG_KAFKA__BOOTSTRAP_SERVERS=servers).kafka.bootstrap_servers == servers

    @pytest.mark.parametrize("servers", ["http://a:1", "a:1,https://b:1", "kafka://a", "a:1/"])
    def test_brokers_are_no_urls(self, servers: str) -> None:
        """The client would say nothing but that there is no broker."""
        [problem] = problems(SEG_KAFKA__BOOTSTRAP_SERVERS=servers)

        assert problem.startswith("SEG_KAFKA__BOOTSTRAP_SERVERS: expected host:port, or several")
        assert problem.endswith(f" got {servers!r}")

    def test_service_links(self) -> None:
        """The variables of a Kubernetes service that is called seg-consumer are none of ours."""
        links = {
            "SEG_CONSUMER_SERVICE_HOST": "10.0.0.11",
            "SEG_CONSUMER_SERVICE_PORT": "9090",
            "SEG_CONSUMER_SERVICE_PORT_HTTP": "9090",
            "SEG_CONSUMER_PORT": "tcp://10.0.0.11:9090",
            "SEG_CONSUMER_PORT_9090_TCP": "tcp://10.0.0.11:9090",
            "SEG_CONSUMER_PORT_9090_TCP_PROTO": "tcp",
            "SEG_CONSUMER_PORT_9090_TCP_PORT": "9090",
            "SEG_CONSUMER_PORT_9090_TCP_ADDR": "10.0.0.11",
            "SEG_SERVICE_HOST": "10.0.0.11",
        }

        assert settings() == load(env=NEEDED | links)

    @pytest.mark.parametrize("doc", [doc for doc in describe() if doc.secret], ids=lambda d: d.name)
    def test_secrets_are_masked(self, doc: SettingDoc) -> None:
        """No part of a secret is in an error, a rendering or a repr, right or wrong."""
        texts = []
        for value in ("hunter2", WEBSITE_ID, ""):
            try:
                result = load(env=NEEDED | {doc.name: value})
            except SettingsError as error:
                texts.append(str(error))
            else:
                texts += [json.dumps(render(result)), repr(result)]

        assert [text for text in texts if "hunter2" in text or WEBSITE_ID in text] == []

    def test_user_names_in_urls_are_masked(self) -> None:
        """A URL may hold no user, and the error does not show one."""
        said = problems(SEG_SCHEMA_REGISTRY__URL="https://jane:hunter2@registry")

        assert said == (
            (
                "SEG_SCHEMA_REGISTRY__URL: expected an http or https URL without a user name,"
                " or several separated by commas, "
                "got 'https://***@registry'"
            ),
        )

    def test_long_values_are_cut(self) -> None:
        """An error stays a sentence, whatever came."""
        assert len(problems(SEG_HTTP__PORT="9" * 1000)[0]) < 200

    @given(st.sampled_from([doc.name for doc in describe()]), st.text(max_size=20))
    def test_any_text_is_taken_or_reported(self, name: str, text: str) -> None:
        """Whatever the text, the settings are loaded or every problem is of that section."""
        try:
            load(env=NEEDED | {name: text})
            said: tuple[str, ...] = ()
        except SettingsError as error:
            said = error.problems

        assert [
            problem for problem in said if not problem.startswith(name.split("__", maxsplit=1)[0])
        ] == []


class TestValues:
    """What the kinds take."""

    def test_defaults(self) -> None:
        """The defaults are those of the design."""
        result = settings()

        assert result.delivery.endpoint == "https://tracker.segapp.com"
        assert (
            result.delivery.retry_budget_s,
            result.delivery.retry_base_s,
            result.delivery.retry_max_s,
        ) == (14_400, 1, 300)
        assert (result.delivery.mode, result.ordering.by) == ("single", "key")
        assert (
            result.kafka.auto_offset_reset,
            result.kafka.on_offset_out_of_range,
        ) == ("earliest", "error")
        assert result.dead_letter.topic is None

    def test_the_names_that_others_rely_on(self) -> None:
        """These names are fixed: charts, documentation and other programs use them."""
        fixed = {
            "KAFKA": "BOOTSTRAP_SERVERS TOPICS GROUP_ID AUTO_OFFSET_RESET CONFIG",
            "SCHEMA_REGISTRY": "URL",
            "SCHEMAS": "WRITER",
            "DELIVERY": "ENDPOINT WEBSITE_ID MODE BATCH_MAX_CALLS MAX_IN_FLIGHT RETRY_BUDGET_S "
            "RETRY_BASE_S RETRY_MAX_S",
            "DEAD_LETTER": "TOPIC STORM_LIMIT",
            "ORDERING": "BY",
            "HTTP": "HOST PORT",
            "LOG": "LEVEL FORMAT",
        }

        assert {
            f"SEG_{section}__{field}"
            for section, fields in fixed.items()
            for field in fields.split()
        } <= {doc.name for doc in describe()}

    def test_frozen(self) -> None:
        """What was checked at the start stays in force."""
        with pytest.raises(ValidationError):
            settings().http.port = 1

    @pytest.mark.parametrize("text", [WEBSITE_ID, f"{{{WEBSITE_ID}}}"])
    def test_website_id(self, text: str) -> None:
        """The id is a UUID; braces around it are taken off."""
        result = settings(SEG_DELIVERY__WEBSITE_ID=text)

        assert result.delivery.website_id.get_secret_value() == WEBSITE_ID

    @pytest.mark.parametrize(
        "text", [f"{{{WEBSITE_ID}", WEBSITE_ID.replace("-", ""), f"urn:uuid:{WEBSITE_ID}", ""]
    )
    def test_wrong_website_id(self, text: str) -> None:
        """Any other form is refused, also those that `uuid.UUID` would take."""
        assert len(problems(SEG_DELIVERY__WEBSITE_ID=text)) == 1

    @pytest.mark.parametrize(
        "url",
        [
            "https://tracker.segapp.com/v1?a=b",
            "http://localhost:8080",
            "http://127.0.0.1",
            "http://[::1]:1/x",
        ],
    )
    def test_endpoint(self, url: str) -> None:
        """The endpoint is https, or http within this machine, and stays as it was written."""
        assert url == settings(SEG_DELIVERY__ENDPOINT=url).delivery.endpoint

    @pytest.mark.parametrize(
        "url",
        [
            "http://tracker.segapp.com",
            "http://127.0.0.1.example.com",
            "https://",
            "https://u@h",
            "https://h:x",
            "https://h/ x",
            "ftp://localhost",
            "localhost",
            "",
        ],
    )
    def test_wrong_endpoint(self, url: str) -> None:
        """The key is never sent in the clear."""
        assert len(problems(SEG_DELIVERY__ENDPOINT=url)) == 1

    def test_topics(self) -> None:
        """Topics are separated by commas; one that begins with ^ is a pattern."""
        assert settings(SEG_KAFKA__TOPICS="a, ^b.*").kafka.topics == ("a", "^b.*")

    @pytest.mark.parametrize("text", ["", "a,,b", "a b", "..", "a/b", "x" * 250, "^"])
    def test_wrong_topics(self, text: str) -> None:
        """A name that no broker takes is refused."""
        assert problems(SEG_KAFKA__TOPICS=text)

    def test_levels_in_any_case(self) -> None:
        """DEBUG is debug."""
        assert settings(SEG_LOG__LEVEL="DEBUG").log.level == "debug"


class TestPassthrough:
    """What librdkafka is told."""

    def test_allowed(self) -> None:
        """What librdkafka knows goes through, with its type."""
        config = {
            "fetch.queue.backoff.ms": 5,
            "check.crcs": True,
            "isolation.level": "read_committed",
        }

        assert config == settings(SEG_KAFKA__CONFIG=json.dumps(config)).kafka.config

    @pytest.mark.parametrize(
        ("name", "said"),
        [
            ("enable.auto.commit", "an offset is committed only when"),
            ("enable.auto.offset.store", "an offset is committed only when"),
            ("auto.commit.interval.ms", "committed only when all before it are finished"),
            ("group.id", "use SEG_KAFKA__GROUP_ID for it"),
            ("metadata.broker.list", "use SEG_KAFKA__BOOTSTRAP_SERVERS for it"),
            ("auto.offset.reset", "use SEG_KAFKA__AUTO_OFFSET_RESET for it"),
            ("max.poll.interval.ms", "use SEG_KAFKA__MAX_POLL_INTERVAL_S for it"),
            ("sasl.password", "use SEG_KAFKA__SASL_PASSWORD for it"),
            ("enable.partition.eof", "the end of a partition is no event here"),
            ("on_commit", "the program sets its callbacks itself"),
            ("stats_cb", "the program sets its callbacks itself"),
            ("acks", "a dead letter is stored only when"),
        ],
    )
    def test_refused(self, name: str, said: str) -> None:
        """What would break the promise is refused, with the reason or the setting to use."""
        problem, *others = problems(SEG_KAFKA__CONFIG=json.dumps({name: 1}))

        assert others == []
        assert problem.startswith(f"SEG_KAFKA__CONFIG: {name} cannot be passed through: ")
        assert said in problem

    def test_every_own_setting_exists(self) -> None:
        """A refusal that says which setting to use names one that there is."""
        assert set(_OWN_SETTING.values()) <= {d.field for d in describe() if d.section == "kafka"}

    def test_files_are_shown_as_text(self) -> None:
        """What is rendered is JSON."""
        result = settings(SEG_DELIVERY__CA_FILE=__file__)

        assert render(result)["SEG_DELIVERY__CA_FILE"]["value"] == __file__

    def test_session_timeout_belongs_to_the_classic_protocol(self) -> None:
        """With KIP-848 the broker decides the session timeout; before, the member does."""
        config = '{"session.timeout.ms": 1500}'

        assert settings(SEG_KAFKA__CONFIG=config).kafka.config == {"session.timeout.ms": 1500}
        assert problems(SEG_KAFKA__CONFIG=config, SEG_KAFKA__GROUP_PROTOCOL="consumer") == (
            (
                "SEG_KAFKA__CONFIG: session.timeout.ms cannot be passed through: "
                "the broker decides it where SEG_KAFKA__GROUP_PROTOCOL is consumer"
            ),
        )

    @pytest.mark.parametrize(
        ("text", "got"),
        [
            ('{"ssl.key.pem": "hunter2"', "text that is not JSON"),
            ('["hunter2"]', "list"),
            ("", "text that is not JSON"),
        ],
    )
    def test_no_object(self, text: str, got: str) -> None:
        """What is no JSON object is refused without being shown."""
        assert (
            f"SEG_KAFKA__CONFIG: expected a JSON object of librdkafka's settings, got {got}",
        ) == problems(SEG_KAFKA__CONFIG=text)

    def test_one_sentence_each(self) -> None:
        """Several wrong entries are several sentences."""
        assert len(problems(SEG_KAFKA__CONFIG='{"acks": 1, "group.id": "x", "debug": [1]}')) == 3

    def test_secrets_are_masked(self) -> None:
        """A key that is passed through is not shown."""
        result = settings(SEG_KAFKA__CONFIG='{"ssl.key.pem": "hunter2", "debug": "cgrp"}')

        assert render(result)["SEG_KAFKA__CONFIG"]["value"] == {
            "ssl.key.pem": "***",
            "debug": "cgrp",
        }
        assert "hunter2" not in repr(result)


class TestRules:
    """What settings ask of each other."""

    @pytest.mark.parametrize(
        ("variables", "said"),
        [
            (
                {"SEG_KAFKA__DRAIN_TIMEOUT_S": "300"},
                (
                    "SEG_KAFKA__DRAIN_TIMEOUT_S: expected less than "
                    "SEG_KAFKA__MAX_POLL_INTERVAL_S (300), got 300"
                ),
            ),
            (
                {"SEG_DELIVERY__RETRY_MAX_S": "0.5"},
                (
                    "SEG_DELIVERY__RETRY_MAX_S: expected at least "
                    "SEG_DELIVERY__RETRY_BASE_S (1), got 0.5"
                ),
            ),
            (
                {"SEG_DELIVERY__MIN_IN_FLIGHT": "2000"},
                (
                    "SEG_DELIVERY__MAX_IN_FLIGHT: expected at least "
                    "SEG_DELIVERY__MIN_IN_FLIGHT (2000), got 1024"
                ),
            ),
            (
                {"SEG_DELIVERY__TIMEOUT_S": "4"},
                (
                    "SEG_DELIVERY__TIMEOUT_S: expected at least "
                    "SEG_DELIVERY__CONNECT_TIMEOUT_S (5), got 4"
                ),
            ),
            (
                {"SEG_SCHEMA_REGISTRY__USERNAME": "u"},
                (
                    "SEG_SCHEMA_REGISTRY__PASSWORD: expected together with "
                    "SEG_SCHEMA_REGISTRY__USERNAME: this is not set, that is"
                ),
            ),
            (
                {
                    "SEG_SCHEMA_REGISTRY__USERNAME": "u",
                    "SEG_SCHEMA_REGISTRY__PASSWORD": "p",
                    "SEG_SCHEMA_REGISTRY__BEARER_TOKEN": "t",
                },
                (
                    "SEG_SCHEMA_REGISTRY__BEARER_TOKEN: expected either this or "
                    "SEG_SCHEMA_REGISTRY__USERNAME, got both"
                ),
            ),
            (
                {"SEG_DEAD_LETTER__TOPIC": "events"},
                (
                    "SEG_DEAD_LETTER__TOPIC: expected none of the topics in SEG_KAFKA__TOPICS, "
                    "got 'events'"
                ),
            ),
            (
                {"SEG_KAFKA__SECURITY_PROTOCOL": "SASL_SSL"},
                (
                    "SEG_KAFKA__SASL_MECHANISM: expected a mechanism, for "
                    "SEG_KAFKA__SECURITY_PROTOCOL is SASL_SSL"
                ),
            ),
            (
                {"SEG_KAFKA__SASL_PASSWORD": "p"},
                (
                    "SEG_KAFKA__SASL_PASSWORD: expected not to be set, for "
                    "SEG_KAFKA__SASL_MECHANISM is not set"
                ),
            ),
            (
                {"SEG_KAFKA__SSL_CA_FILE": __file__},
                (
                    "SEG_KAFKA__SSL_CA_FILE: expected not to be set, for "
                    "SEG_KAFKA__SECURITY_PROTOCOL is PLAINTEXT"
                ),
            ),
            (
                {"SEG_KAFKA__SECURITY_PROTOCOL": "SSL", "SEG_KAFKA__SSL_KEY_FILE": __file__},
                (
                    "SEG_KAFKA__SSL_KEY_FILE: expected together with "
                    "SEG_KAFKA__SSL_CERTIFICATE_FILE: this is set, that is not"
                ),
            ),
            (
                {"SEG_SCHEMAS__WRITER": "/no/such.avsc"},
                (
                    "SEG_SCHEMAS__WRITER: expected the path of a file that can be read, "
                    "got '/no/such.avsc'"
                ),
            ),
            (
                {"SEG_SCHEMAS__FOLDER": __file__},
                (
                    "SEG_SCHEMAS__FOLDER: expected the path of a folder that can be read, "
                    f"got {__file__!r}"
                ),
            ),
        ],
    )
    def test_rule(self, variables: dict[str, str], said: str) -> None:
        """A rule between settings has a sentence that names both."""
        assert (said,) == problems(**variables)

    @pytest.mark.parametrize(
        ("mechanism", "given"),
        [
            ("PLAIN", {"SASL_USERNAME": "u", "SASL_PASSWORD": "p"}),
            ("SCRAM-SHA-256", {"SASL_USERNAME": "u", "SASL_PASSWORD": "p"}),
            ("SCRAM-SHA-512", {"SASL_USERNAME": "u", "SASL_PASSWORD": "p"}),
            (
                "OAUTHBEARER",
                {
                    "OAUTHBEARER_TOKEN_ENDPOINT_URL": "https://id.example/token",
                    "OAUTHBEARER_CLIENT_ID": "c",
                    "OAUTHBEARER_CLIENT_SECRET": "s",
                },
            ),
        ],
    )
    def test_credentials(self, mechanism: str, given: dict[str, str]) -> None:
        """Each mechanism takes its own credentials, and misses every one that is not there."""
        base = {
            "SEG_KAFKA__SECURITY_PROTOCOL": "SASL_SSL",
            "SEG_KAFKA__SASL_MECHANISM": mechanism,
        }
        credentials = {f"SEG_KAFKA__{name}": value for name, value in given.items()}

        assert mechanism == settings(**base, **credentials).kafka.sasl_mechanism
        assert {
            f"{name}: expected a value, for SEG_KAFKA__SASL_MECHANISM is {mechanism}; it is not set"
            for name in credentials
        } == set(problems(**base))

    def test_equal_is_at_least(self) -> None:
        """Two settings of which one may not be below the other may be equal."""
        result = settings(SEG_DELIVERY__RETRY_BASE_S="7", SEG_DELIVERY__RETRY_MAX_S="7")

        assert result.delivery.retry_base_s == result.delivery.retry_max_s

    def test_wrong_value_silences_its_rules(self) -> None:
        """A rule says nothing where the value that it looks at is wrong itself."""
        said = problems(SEG_DELIVERY__RETRY_BASE_S="x", SEG_KAFKA__SECURITY_PROTOCOL="TLS")

        assert len(said) == 2


class TestDescription:
    """What documentation is made of."""

    def test_complete(self) -> None:
        """Every setting says what it takes and what it means, as a sentence."""
        assert [doc for doc in describe() if not doc.expected or doc.description[-1:] != "."] == []

    def test_names_are_those_that_are_read(self) -> None:
        """Each described default, given as a variable, is the default."""
        given = {
            doc.name: doc.default for doc in describe() if doc.default not in {"required", "none"}
        }

        assert settings().model_dump() == settings(**given).model_dump()

    def test_units_in_names(self) -> None:
        """A number that is no plain count has its unit in its name."""
        unitless = {
            doc.field
            for doc in describe()
            if doc.expected.startswith("a number")
            if not doc.field.endswith(("_s", "_per_second"))
        }

        assert {"storm_limit"} == unitless  # a share
