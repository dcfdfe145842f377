# A formula for a tap. `packaging/release` fills in the three values that a release has.
class Pimento < Formula
  desc "Just-in-time keys and passwords from Entra PIM and Azure Key Vault"
  homepage "@HOMEPAGE@"
  url "@SOURCE_URL@"
  version "@VERSION@"
  sha256 "@SOURCE_SHA256@"
  license any_of: ["MIT", "Apache-2.0"]

  depends_on "rust" => :build

  def install
    # Without the emulator: the demonstration and the tests are for a checkout.
    system "cargo", "install", "--no-default-features", "--features", "clipboard", *std_cargo_args
    generate_completions_from_executable(bin/"pimento", "completions")
    system bin/"pimento", "manual", "--out", buildpath/"man"
    man1.install Dir["man/*.1"]
    doc.install Dir["docs/*.md"], "docs/decisions", "docs/recipes"
  end

  # The agent listens for itself here. `pimento service install` has launchd listen, which starts it
  # when somebody connects; use one of the two.
  service do
    run [opt_bin/"pimento", "agent"]
    keep_alive successful_exit: false
    process_type :interactive
  end

  def caveats
    <<~EOS
      The agent is started by one of these:
        pimento service install
        brew services start pimento
      ssh finds it by what `pimento ssh-config` prints.
    EOS
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/pimento --version")
    # Without a configuration nothing is started, and the message says how to get one.
    ENV["HOME"] = testpath
    assert_match "pimento init", shell_output("#{bin}/pimento agent 2>&1", 2)
  end
end
