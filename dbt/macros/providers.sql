{# OpenTelemetry's word for a provider, as people know it: `issuer`, who sends the bill, and `service`. Others stand as they are. #}
{% macro provider_for_people(kind) %}
    {%- set known = {
        'openai': ['OpenAI', 'OpenAI API'], 'azure.ai.openai': ['Microsoft', 'Azure OpenAI Service'],
        'azure.ai.inference': ['Microsoft', 'Azure AI Foundry'], 'anthropic': ['Anthropic', 'Claude API'],
        'aws.bedrock': ['AWS', 'Amazon Bedrock'], 'gcp.gemini': ['Google', 'Gemini API'],
        'gcp.gen_ai': ['Google', 'Google Gen AI'], 'gcp.vertex_ai': ['Google Cloud', 'Vertex AI'],
        'mistral_ai': ['Mistral AI', 'La Plateforme'], 'cohere': ['Cohere', 'Cohere API'],
        'deepseek': ['DeepSeek', 'DeepSeek API'], 'groq': ['Groq', 'GroqCloud'], 'x_ai': ['xAI', 'xAI API'],
        'perplexity': ['Perplexity', 'Sonar API'], 'ibm.watsonx.ai': ['IBM', 'watsonx.ai'],
        'moonshot_ai': ['Moonshot AI', 'Kimi API'],
    } -%}
    case provider
        {%- for word, names in known.items() %} when '{{ word }}' then '{{ names[0 if kind == 'issuer' else 1] }}'{% endfor %}
        else provider
    end
{%- endmacro %}
